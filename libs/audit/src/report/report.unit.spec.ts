import type { AuditReport } from '../audit-report.js';
import { html } from './html.js';
import { htmlReport } from './html-report.js';
import { jsonOfError, jsonReport } from './json.js';
import { context, report, violated } from './report.fixture.js';
import { textReport } from './text.js';

const HOSTILE = '<script>alert(1)</script>"\'&';
const ESCAPED = '&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;';

/** A report in which everything that a log, a record, a node or a file name can say is hostile. */
function hostile(): AuditReport {
  const base = violated();
  return {
    ...base, origin: HOSTILE, topic: HOSTILE, verifier: HOSTILE, root: HOSTILE,
    failures: base.failures.map((failure) => ({ ...failure, topic: HOSTILE, detail: HOSTILE })),
    unchecked: [{ code: HOSTILE, detail: HOSTILE }],
    devices: base.devices.map((device) => ({ ...device, pseudonym: HOSTILE, stream: HOSTILE, state: HOSTILE })),
    checkpoints: base.checkpoints.map((checkpoint) => ({ ...checkpoint, root: HOSTILE, tx: HOSTILE })),
  };
}

it('a template escapes every value that is not HTML itself', () => {
  expect(html`<b title="${HOSTILE}">${HOSTILE}</b>${[html`<i>${1}</i>`]}`.text).toBe(`<b title="${ESCAPED}">${ESCAPED}</b><i>1</i>`);
});

it('nothing that is read becomes markup of the page', () => {
  const page = htmlReport(hostile(), { ...context, sources: { records: HOSTILE, log: HOSTILE, chain: HOSTILE }, machine: { ...context.machine, cpu: HOSTILE } });
  expect(page).not.toContain('<script');
  expect(page).toContain(ESCAPED);
  // a quote inside an attribute would end it: every attribute is closed where it was opened
  for (const tag of page.match(/<[a-z][^>]*>/g) ?? []) expect(tag.replaceAll(/ [a-zA-Z-]+="[^"]*"/g, '')).toMatch(/^<[a-z][a-z0-9]*( [a-z]+)*\/?>$/);
});

it('the page needs nothing beside it', () => {
  for (const page of [htmlReport(report(), context), htmlReport(violated(), context)]) {
    expect(page).not.toMatch(/<(script|link|img|iframe|object|embed)\b|\burl\(|@import|\bsrc=|\bhref=/);
    expect(page).toContain("default-src 'none'");
  }
});

it('one sentence says what came of it, before anything else', () => {
  expect(htmlReport(report(), context)).toContain('Everything holds: all 2,800 entries are what the records, the rules and the chain say.');
  expect(htmlReport(violated(), context)).toContain('It does not hold: 9 findings of 2 kinds in all 2,800 entries.');
  const open = report({ ok: false, outcome: 'unchecked', unchecked: [{ code: 'ATS_BROKER_UNREACHABLE', detail: 'no records' }] });
  expect(htmlReport(open, context)).toContain('Nothing wrong was found in all 2,800 entries, but 1 thing could not be checked.');
  expect(textReport(report({ range: { from: 10, to: 20 }, entries: 10 }), context)).toMatch(/^Everything holds: 10 entries from 10 to 20 are/);
});

it('every kind of finding is named with its place and its number, however few are kept', () => {
  const found = violated();
  for (const text of [textReport(found, context), htmlReport(found, context)]) {
    for (const words of ['VERDICT_WRONG', 'entry 812', 'telemetry/2/40', 'LOG_TRUNCATED', 'block 1650 anchored 3000 entries']) expect(text).toContain(words);
  }
  expect(htmlReport({ ...found, failures: found.failures.slice(0, 1) }, context)).toContain('and 7 more');
});

it('what a log says does not steer a terminal', () => {
  const text = textReport(violated(), { ...context, sources: { ...context.sources, records: 'Kafka \u001b[2J\u0007' } });
  expect([text.includes('Kafka'), text.includes('\u001b'), text.includes('\u0007')]).toEqual([true, false, false]);
});

it('a page stays small however much was found', () => {
  const many = report({
    checkpoints: Array.from({ length: 20_000 }, () => report().checkpoints[0]!), devices: Array.from({ length: 10_000 }, () => report().devices[0]!),
    timeline: { bucketMs: 60_000, buckets: Array.from({ length: 500 }, (_, i) => ({ ...report().timeline.buckets[0]!, fromMs: i * 60_000 })) },
  });
  expect(htmlReport(many, context).length).toBeLessThan(400_000);
});

it('an audit of nothing has a page too', () => {
  const nothing = report({ entries: 0, size: 0, range: { from: 0, to: 0 }, verdicts: {}, checkpoints: [], devices: [], timeline: { bucketMs: 1000, buckets: [] }, unanchored: 0 });
  expect(htmlReport(nothing, { ...context, deployment: null, commit: null })).toContain('No checkpoint of this log stands on the chain');
});

it('a chain that nobody asked has no anchors missing', () => {
  const alone = report({ checkpoints: [], unanchored: 2800, unchecked: [{ code: 'CHAIN', detail: 'no chain was asked' }], outcome: 'unchecked' });
  expect(htmlReport(alone, context)).toContain('The chain was not asked');
  expect(htmlReport(alone, context)).not.toContain('covered by the chain');
  expect(textReport(alone, context)).toMatch(/anchored {3}the chain was not asked\n/);
  expect(textReport(alone, context)).not.toContain('without an anchor');
  expect(textReport(report({ checkpoints: [], unanchored: 2800 }), context)).toMatch(/anchored {3}nothing yet\n.*2,800 entries without an anchor yet/);
});

it('the JSON is what REPORTS says: ok only with every check, and each check names what was wanted', () => {
  const good = jsonReport(report(), context) as Record<string, unknown>;
  expect(good).toMatchObject({ schema: 'attestream/audit/1', ok: true, entries: 2800, failures: [], unanchored: 12, range: { from: 0, to: 2800 }, verifier: 'snarkjs', machine: { cores: 2 } });
  expect((good['checkpoints'] as object[])[0]).toEqual({ size: 232, root: '01'.repeat(32), tx: `0x${'41'.repeat(32)}`, block: 150, blockHash: '61'.repeat(32), blockTime: '2026-11-27T20:04:58.000Z' });
  const bad = jsonReport(violated(), context) as { ok: boolean; checks: { id: string; ok: boolean; want: string; got: string }[] };
  expect(bad.ok).toBe(false);
  expect(bad.checks.filter(({ ok }) => !ok)).toEqual([
    { id: 'verdicts', ok: false, want: 'no findings', got: '8 findings: VERDICT_WRONG' }, { id: 'anchors', ok: false, want: 'no findings', got: '1 finding: LOG_TRUNCATED' },
  ]);
  const open = jsonReport(report({ ok: false, outcome: 'unchecked', unchecked: [{ code: 'X', detail: 'y' }] }), context) as typeof bad;
  expect([open.ok, open.checks.filter(({ ok }) => !ok).map(({ id }) => id)]).toEqual([false, ['records', 'verdicts', 'proofs', 'nullifiers', 'registry', 'time', 'tree', 'anchors', 'complete']]);
  expect(jsonOfError({ code: 'ATS_LOG_UNREACHABLE', message: 'ATS_LOG_UNREACHABLE: away' }, context)).toMatchObject({ schema: 'attestream/audit/1', ok: false, outcome: 'unchecked', failures: [], checks: [{ ok: false }] });
});

it.each<[string, string[]]>([
  ['CHAIN', ['verdicts', 'proofs', 'registry', 'time', 'anchors']], ['BLOCK_HASH', ['verdicts', 'proofs', 'registry', 'time', 'anchors']], ['DEPLOYMENT', ['verdicts', 'proofs', 'registry', 'time', 'anchors']],
  ['VKEY', ['tree', 'anchors']], ['CIRCUITS', ['verdicts', 'proofs', 'nullifiers']], ['RANGE', ['records', 'verdicts', 'proofs', 'nullifiers', 'registry', 'time']], ['SUCCESSOR', ['records', 'anchors']],
])('%s leaves claims open, for programs as for people', (code, open) => {
  const one = report({ ok: false, outcome: 'unchecked', unchecked: [{ code, detail: 'not brought' }] });
  const { checks } = jsonReport(one, context) as { checks: { id: string; ok: boolean }[] };
  expect(checks.filter(({ ok }) => !ok).map(({ id }) => id)).toEqual([...open, 'complete']);
  expect(textReport(one, context).match(/^ {3}\? /gm)).toHaveLength(open.length);
});

it('a claim that was not checked is not called good', () => {
  const open = report({ ok: false, outcome: 'unchecked', unchecked: [{ code: 'CHAIN', detail: 'no chain was asked' }] });
  expect(textReport(open, context)).toMatch(/ok  Every source record[^]* \?  What stands on the chain/);
  expect(htmlReport(open, context)).toMatch(/class="yes">Every source record[^]*class="open">What stands on the chain/);
  // something unforeseen leaves everything open
  expect(textReport({ ...open, unchecked: [{ code: 'ATS_BROKER_UNREACHABLE', detail: 'away' }] }, context)).not.toContain('  ok  ');
});
