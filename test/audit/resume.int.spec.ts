import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { audit, type AuditOptions, type AuditReport } from '#libs/audit';
import type { KafkaRecord } from '#libs/events';
import { AuditVerifier, AuditWorld, BEGIN_MS } from '../support/audit-world.js';

/** A log of several bundles with a finding in each, an audit of it that is stopped over and over, and one that is not. */

let shared: AuditVerifier;
let world: AuditWorld;
let dir: string;
beforeAll(() => {
  shared = new AuditVerifier();
  world = AuditWorld.honest(shared);
  for (let i = 0; i < 900; i++) world.append('bci-intent', i % 4, BEGIN_MS + 241_000 + i * 10, { key: null, value: Buffer.alloc(3, i), headers: [] });
  world.judge();
  for (const leaf of [100, 300, 500, 700, 1000]) world.change(leaf, { hash: Buffer.alloc(32, leaf) });
  world.change(world.leafWith('NULLIFIER_SEEN'), { verdict: 'VERIFIED' });
  const forgotten = world.entries.findIndex(({ topic }, leaf) => leaf > 420 && topic === 'bci-intent');
  world.drop(forgotten);
  world.insert(900, world.entries[880]!);
});
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'attestream-resume-')); });
afterEach(() => rmSync(dir, { recursive: true, force: true }));
afterAll(() => shared.close());

/** What two audits of the same must agree in. */
const same = ({ seconds: _seconds, rssMiBMax: _rss, ...report }: AuditReport) => report;

/** Runs the audit until it has saved its state, and stops it there. */
async function stopAtSave(options: AuditOptions): Promise<number> {
  const stop = new AbortController();
  let saved = -1;
  await expect(audit({ ...options, signal: stop.signal, saveEveryMs: 0, onEvent: (event) => {
    if (event.kind !== 'saved') return;
    saved = event.leaf;
    stop.abort(new Error('stopped here'));
  } })).rejects.toThrow('stopped here');
  return saved;
}

it('an audit that is stopped after each save ends with the report of one that was not', async () => {
  const whole = await world.audit();
  expect(whole.failuresByCode).toEqual({ ENTRY_HASH: 5, VERDICT_WRONG: 1, NULLIFIER_REUSED: 1, RECORD_WITHOUT_ENTRY: 1, ENTRY_DUPLICATE: 1 });
  const stateFile = join(dir, 'state');
  const saves: number[] = [];
  for (let i = 0; i < 4; i++) saves.push(await stopAtSave(world.options({ stateFile })));
  expect(saves).toEqual([256, 512, 768, 1024]);
  const asked = shared.asked;
  const resumed: number[] = [];
  const report = await world.audit({ stateFile, onEvent: (event) => { if (event.kind === 'target') resumed.push(event.resumedAt); } });
  expect(same(report)).toEqual(same(whole));
  expect(resumed).toEqual([1024]);
  expect(shared.asked).toBe(asked);
  expect(readdirSync(dir)).toEqual([]);
});

it('a log that has grown in the meantime is audited as far as the audit had begun it', async () => {
  const whole = await world.audit();
  const stateFile = join(dir, 'state');
  await stopAtSave(world.options({ stateFile }));
  const later: KafkaRecord = world.append('bci-intent', 0, BEGIN_MS + 251_000, { key: null, value: Buffer.from('later'), headers: [] });
  world.insert(world.entries.length, { ...world.entries.at(-1)!, topic: 'bci-intent', partition: 0, offset: Number(later.offset) });
  try {
    expect(same(await world.audit({ stateFile }))).toEqual(same(whole));
  } finally {
    world.drop(world.entries.length - 1);
    world.records.get('bci-intent/0')!.pop();
  }
});

it.each(['another audit\'s', 'a torn', 'a foreign'])('%s state is not taken up: the audit begins anew', async (kind) => {
  const stateFile = join(dir, 'state');
  if (kind === 'another audit\'s') await stopAtSave(world.options({ stateFile, from: 3 }));
  else writeFileSync(stateFile, kind === 'a torn' ? Buffer.from([0xff, 0x0f, 0x6f]) : 'hello');
  const resumed: number[] = [];
  const report = await world.audit({ stateFile, onEvent: (event) => { if (event.kind === 'target') resumed.push(event.resumedAt); } });
  expect(resumed).toEqual([0]);
  expect(report.failuresByCode['ENTRY_HASH']).toBe(5);
  expect(existsSync(stateFile)).toBe(false);
});
