import { leafHash } from '#libs/log';
import { NaiveTree } from '../../../libs/log/test/naive-tree.js';
import { clean, judge, type Facts, type Judgement, type Place, type Sent } from './judge.js';

type Mutable<T> = T extends (infer E)[] | readonly (infer E)[] ? Mutable<E>[] : T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> } : T;
type Run = Mutable<Required<Facts>>;

const hash = (text: string) => leafHash(Buffer.from(text)).toString('hex');

/**
 * A small honest run: two households of one partition each, three windows of each, a resend, a second message for a used nullifier, a bad proof before its honest
 * message, garbage, and two blocks.
 */
function honest(): Run {
  const run = { sent: [], source: [], audit: [], verified: [], rejected: [], icinga: [] } as unknown as Run;
  const entries: Buffer[] = [];
  const claim = (household: number, epoch: number) => ({ host: hash(`household ${household}`), service: 'load', epoch, state: epoch % 2 ? 'OK' : 'CRITICAL' });
  const send = (name: string, verdict: string, of?: Sent['claim']) => {
    const known = run.sent.find((message) => message.hash === hash(name));
    if (known) known.acknowledged++;
    else run.sent.push({ hash: hash(name), verdict, claim: of && { ...of }, acknowledged: 1 });
  };
  const arrive = (topic: string, partition: number, name: string, verdict: string, of?: Sent['claim'], duplicateOf: number | null = null) => {
    const at: Place = { topic, partition, offset: run.source.filter((record) => record.topic === topic && record.partition === partition).length };
    run.source.push({ ...at, hash: hash(name) });
    entries.push(Buffer.from(`entry of ${topic}/${partition}/${at.offset}`));
    run.audit.push({ of: { ...at }, hash: hash(name), verdict, leaf: leafHash(entries.at(-1)!).toString('hex') });
    if (verdict === 'VERIFIED') run.verified.push({ of: { ...at }, hash: hash(name), ...of! });
    else if (verdict !== 'RECORDED') run.rejected.push({ of: { ...at }, reason: verdict, duplicateOf });
  };
  for (const household of [0, 1]) {
    send(`bad ${household}`, 'PROOF_INVALID', claim(household, 1));
    arrive('telemetry', household, `bad ${household}`, 'PROOF_INVALID');
    for (const epoch of [1, 2, 3]) {
      send(`honest ${household} ${epoch}`, 'VERIFIED', claim(household, epoch));
      arrive('telemetry', household, `honest ${household} ${epoch}`, 'VERIFIED', claim(household, epoch));
    }
    send(`honest ${household} 2`, 'VERIFIED');
    arrive('telemetry', household, `honest ${household} 2`, 'NULLIFIER_SEEN', undefined, 2);
    send(`second ${household} 1`, 'NULLIFIER_SEEN', claim(household, 1));
    arrive('telemetry', household, `second ${household} 1`, 'NULLIFIER_SEEN');
    send(`garbage ${household}`, 'MALFORMED');
    arrive('telemetry', household, `garbage ${household}`, 'MALFORMED');
    arrive('chain-events', 0, `block ${household}`, 'RECORDED');
    run.icinga.push(claim(household, 3));
  }
  const tree = new NaiveTree(entries);
  const head = (size: number) => ({ size, root: tree.root(size).toString('hex') });
  run.log = {
    leaves: run.audit.map(({ leaf }) => leaf), published: head(entries.length),
    checkpoints: [1, 4, 7, entries.length].map((size) => ({ ...head(size), proof: tree.subproof(size, entries.length).map((node) => node.toString('hex')) })),
  };
  run.audited = { ok: true, entries: entries.length, detail: '' };
  return run;
}

it('an honest run is clean, a resend and what repeats a nullifier included', () => {
  const verdict = judge(honest());
  expect(clean(verdict)).toBe(true);
  expect(verdict).toMatchObject({ verdicts: 14, auditEntries: 14, recorded: 2, verifiedEvents: 6, checkpoints: { signed: 4, inconsistent: 0 }, audit: { ok: true, entries: 16 } });
});

const last = <T>(list: T[]): T => list.at(-1)!;
const mutants: [what: string, list: keyof Judgement, mutate: (run: Run) => void][] = [
  ['an acknowledged message that is in no log', 'missing', (run) => { run.sent.push({ hash: hash('lost'), verdict: 'VERIFIED', claim: undefined, acknowledged: 1 }); }],
  ['a resend of which one was lost', 'missing', (run) => { run.sent.find(({ acknowledged }) => acknowledged === 2)!.acknowledged++; }],
  ['a dropped entry', 'missing', (run) => { run.audit.splice(3, 1); }],
  ['a dropped entry of a block', 'missing', (run) => { run.audit.splice(run.audit.findIndex(({ of }) => of.topic === 'chain-events'), 1); }],
  ['a dropped verified event', 'missing', (run) => { run.verified.splice(1, 1); }],
  ['a dropped rejection', 'missing', (run) => { run.rejected.splice(1, 1); }],
  ['a doubled entry', 'duplicated', (run) => { run.audit.push({ ...run.audit[2]! }); }],
  ['a second entry with another verdict', 'duplicated', (run) => { run.audit.push({ ...run.audit[2]!, verdict: 'NULLIFIER_SEEN' }); }],
  ['a doubled verified event', 'duplicated', (run) => { run.verified.splice(1, 0, { ...run.verified[1]! }); }],
  ['a doubled rejection', 'duplicated', (run) => { run.rejected.push({ ...run.rejected[0]! }); }],
  ['two entries swapped', 'outOfOrder', (run) => { run.audit.splice(0, 2, run.audit[1]!, run.audit[0]!); }],
  ['two verified events of a key swapped', 'outOfOrder', (run) => { run.verified.splice(0, 2, run.verified[1]!, run.verified[0]!); }],
  ['an epoch that overtook another', 'outOfOrder', (run) => { [run.verified[0]!.epoch, run.verified[1]!.epoch] = [2, 1]; }],
  ['an entry that the log lacks', 'unlogged', (run) => { run.log.leaves.pop(); }],
  ['a leaf of something else', 'unlogged', (run) => { run.log.leaves[5] = hash('forged'); }],
  ['a leaf too many', 'unlogged', (run) => { run.log.leaves.push(hash('aborted')); }],
  ['two leaves swapped', 'unlogged', (run) => { run.log.leaves.splice(0, 2, run.log.leaves[1]!, run.log.leaves[0]!); }],
  ['another verdict', 'wrong', (run) => { run.audit[1]!.verdict = 'EPOCH_STALE'; }],
  ['a bad proof that was verified', 'wrong', (run) => { run.audit[0]!.verdict = 'VERIFIED'; run.rejected.shift(); run.verified.unshift({ of: run.audit[0]!.of, hash: run.audit[0]!.hash, ...run.sent[0]!.claim! }); }],
  ['a used nullifier that was verified again', 'wrong', (run) => { last(run.audit.filter(({ verdict }) => verdict === 'NULLIFIER_SEEN')).verdict = 'VERIFIED'; }],
  ['an entry with another hash', 'wrong', (run) => { run.audit[1]!.hash = hash('other'); }],
  ['a verified event with another state', 'wrong', (run) => { run.verified[0]!.state = 'WARNING'; }],
  ['a verified event of another household', 'wrong', (run) => { run.verified[0]!.host = hash('stranger'); }],
  ['a rejection with another reason', 'wrong', (run) => { run.rejected[0]!.reason = 'MALFORMED'; }],
  ['a resend that is told as an attack', 'wrong', (run) => { run.rejected.find(({ duplicateOf }) => duplicateOf !== null)!.duplicateOf = null; }],
  ['an attack that is told as a resend', 'wrong', (run) => { run.rejected.find(({ reason, duplicateOf }) => reason === 'NULLIFIER_SEEN' && duplicateOf === null)!.duplicateOf = 1; }],
  ['an entry of nothing', 'wrong', (run) => { run.audit.push({ ...run.audit[0]!, of: { topic: 'telemetry', partition: 3, offset: 9 } }); }],
  ['a record that nobody sent', 'wrong', (run) => { run.source[1]!.hash = hash('intruder'); }],
  ['a service that shows an older state', 'icingaMismatch', (run) => { run.icinga[0]!.epoch = 2; run.icinga[0]!.state = 'CRITICAL'; }],
  ['a service that shows another state', 'icingaMismatch', (run) => { run.icinga[0]!.state = 'UNKNOWN'; }],
  ['a service that is not there', 'icingaMismatch', (run) => { run.icinga.pop(); }],
  ['a service that was never verified', 'icingaMismatch', (run) => { run.icinga.push({ host: hash('ghost'), service: 'load', state: 'OK', epoch: 3 }); }],
  ['a forked checkpoint', 'checkpoints', (run) => { run.log.checkpoints[1]!.root = hash('fork'); }],
  ['a checkpoint of another size', 'checkpoints', (run) => { run.log.checkpoints[1]!.size = 5; }],
  ['a checkpoint whose proof does not hold', 'checkpoints', (run) => { run.log.checkpoints[1]!.proof[0] = hash('proof'); }],
  ['a checkpoint beyond the log', 'checkpoints', (run) => { run.log.checkpoints.push({ size: 99, root: hash('future'), proof: [] }); }],
  ['an audit that found something', 'audit', (run) => { run.audited.ok = false; }],
];

it.each(mutants)('the judge finds %s', (_, list, mutate) => {
  const run = honest();
  mutate(run);
  const verdict = judge(run);
  expect(clean(verdict)).toBe(false);
  const found = verdict[list];
  if (Array.isArray(found)) expect(found.length).toBeGreaterThan(0);
  else expect(found).not.toEqual(list === 'audit' ? { ok: true, entries: 16 } : { signed: 4, inconsistent: 0 });
});
