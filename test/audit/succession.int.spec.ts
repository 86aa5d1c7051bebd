import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditReport } from '#libs/audit';
import { logIdOf } from '#libs/chain';
import { formatCheckpoint } from '#libs/log';
import { anchorLog, AuditVerifier, AuditWorld, BEGIN_MS, rootOf } from '../support/audit-world.js';

/** A log that succeeds another one, and one that is succeeded: what is owed by which, and what by neither. */

let shared: AuditVerifier;
let world: AuditWorld;
beforeAll(() => { shared = new AuditVerifier(); });
beforeEach(() => { world = AuditWorld.honest(shared); });
afterAll(() => shared.close());

const found = ({ failures }: AuditReport) => failures.map(({ code, leaf }) => [code, leaf]);

const CUT = 100;
const predecessor = { origin: 'log.example/before', size: CUT };

/** The first entries are another log's; entry 0 has its checkpoint. The first of each partition behind the cut has earlier records before it. */
function succeed({ anchored = CUT, claimed = predecessor as { origin: string; size: number }, begins = CUT } = {}) {
  const all = world.leaves();
  const root = rootOf(all.slice(0, CUT));
  const note = Buffer.from(`${formatCheckpoint({ ...claimed, root })}\n— x AAAAAAA=\n`);
  world.topicEntries = all;
  world.leaves = () => [note, ...all.slice(begins)];
  world.entries = [world.entries[0]!, ...world.entries.slice(begins)];
  world.anchors = [{ block: 119, size: 30 }];
  const id = logIdOf(predecessor.origin);
  world.blocks[3] = { ...world.blocks[3]!, logs: [anchorLog('LogSuperseded', [id, logIdOf('log.example/audit'), anchored, anchored === CUT ? root : rootOf(all.slice(0, 90))])] };
}

it('goes on with the state that the records before it leave, and says that those are another audit', async () => {
  succeed();
  const report = await world.audit();
  expect(report).toMatchObject({ outcome: 'unchecked', failures: [], predecessor: predecessor.origin, entries: 45, unchecked: [{ code: 'PREDECESSOR' }], pending: { records: 0, entries: 0 } });
  expect(report.verdicts['VERIFIED']).toBeGreaterThan(4);
});

it.each([
  ['of another log', { claimed: { origin: 'log.example/other', size: CUT } }],
  ['with fewer entries than were anchored', { claimed: { origin: predecessor.origin, size: CUT - 1 } }],
])('a first entry that is the checkpoint %s', async (_, change) => {
  succeed(change);
  expect(found(await world.audit())).toEqual([['PREDECESSOR_WRONG', 0]]);
});

it('a verdict behind the cut is recomputed like any other, and a dropped entry is missed', async () => {
  const verified = world.leafWith('VERIFIED', 20) - CUT + 1;
  world.change(world.leafWith('VERIFIED', 20), { verdict: 'EPOCH_STALE' });
  const dropped = world.entries.findIndex(({ topic }, leaf) => leaf > 110 && topic === 'chain-events');
  const { offset } = world.entries[dropped]!;
  const lost = world.entries[dropped]!;
  world.drop(dropped);
  succeed();
  const report = await world.audit();
  expect(report.failures.map(({ code }) => code).toSorted()).toEqual(['RECORD_WITHOUT_ENTRY', 'VERDICT_WRONG']);
  expect(report.failures.find(({ code }) => code === 'VERDICT_WRONG')!.leaf).toBe(verified - 1);
  expect(report.failures.find(({ code }) => code === 'RECORD_WITHOUT_ENTRY')).toMatchObject({ topic: lost.topic, offset });
});

describe('nothing falls between two logs', () => {
  const atPlace = (i: number) => { const { topic, partition, offset } = world.entries[i]!; return { topic, partition, offset }; };

  it('entries behind the predecessor\'s checkpoint and before the first of the successor, and their records', async () => {
    const between = [0, 1, 2, 3, 4].map((i) => atPlace(CUT + i));
    succeed({ begins: CUT + 5 });
    const report = await world.audit();
    expect(report.failuresByCode).toEqual({ ENTRY_NOT_LOGGED: 5, RECORD_WITHOUT_ENTRY: 5 });
    expect(report.failures.find(({ code }) => code === 'ENTRY_NOT_LOGGED')).toMatchObject({ topic: 'audit-log', partition: 0, offset: 2 * CUT });
    expect(report.failures.filter(({ code }) => code === 'RECORD_WITHOUT_ENTRY')).toEqual(expect.arrayContaining(between.map((place) => expect.objectContaining(place))));
  });

  it('a record between the two that audit-log has no entry of either', async () => {
    const lost = atPlace(CUT);
    world.drop(CUT);
    succeed();
    const report = await world.audit();
    expect(report.failures).toMatchObject([{ code: 'RECORD_WITHOUT_ENTRY', ...lost }]);
  });

  it.each<[string, (all: readonly Buffer[]) => Buffer[]]>([
    ['has lost what the predecessor has', (all) => all.slice(CUT)],
    ['has lost the end of what the predecessor has', (all) => all.toSpliced(CUT - 9, 9)],
    ['has what is no entry between the two', (all) => all.toSpliced(CUT, 0, Buffer.from('no entry'))],
  ])('nobody is accused where the topic %s', async (_, change) => {
    succeed();
    world.topicEntries = change(world.topicEntries!);
    expect(await world.audit()).toMatchObject({ failures: [], unchecked: [{ code: 'PREDECESSOR' }], pending: { records: 0, entries: 0 } });
  });

  it('a topic that has lost fewer entries than there are records without one', async () => {
    for (let i = 0; i < 3; i++) world.drop(CUT);
    succeed();
    world.topicEntries = world.topicEntries!.slice(1);
    expect((await world.audit()).failuresByCode).toEqual({ RECORD_WITHOUT_ENTRY: 2 });
  });

  it('a predecessor that has succeeded another log: what those two cover together is not known', async () => {
    succeed({ claimed: { ...predecessor, size: 41 }, anchored: 40 });
    world.blocks[1]!.logs.push(anchorLog('LogSuperseded', [logIdOf('log.example/oldest'), logIdOf(predecessor.origin), 60, Buffer.alloc(32, 1)]));
    expect(await world.audit()).toMatchObject({ failures: [], unchecked: [{ code: 'PREDECESSOR', detail: expect.stringContaining('not known here') }] });
  });

  it('a successor without an entry of its own yet owes what its predecessor does not cover', async () => {
    succeed({ begins: 145 });
    world.anchors = [];
    expect(await world.audit()).toMatchObject({ failures: [], unchecked: [{ code: 'PREDECESSOR' }], pending: { records: 45, entries: 45 } });
  });

  it('an audit that is stopped and goes on knows what is the predecessor\'s', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'attestream-succession-'));
    try {
      world.append('bci-intent', 3, BEGIN_MS + 10_000, { key: null, value: null, headers: [] });
      for (let i = 0; i < 400; i++) world.append('bci-intent', i % 3, BEGIN_MS + 241_000 + i * 10, { key: null, value: null, headers: [] });
      const [lost] = [245_100, 245_200].map((ms) => world.append('bci-intent', 3, BEGIN_MS + ms, { key: null, value: null, headers: [] }));
      world.judge();
      world.drop(world.leafOf(lost!));
      succeed();
      const stop = new AbortController();
      const options = world.options({ stateFile: join(dir, 'state'), saveEveryMs: 0 });
      await expect(world.audit({ ...options, signal: stop.signal, onEvent: ({ kind }) => { if (kind === 'saved') stop.abort(new Error('stopped here')); } })).rejects.toThrow('stopped here');
      const report = await world.audit(options);
      expect(report.failures).toMatchObject([{ code: 'RECORD_WITHOUT_ENTRY', topic: 'bci-intent', partition: 3, offset: Number(lost!.offset) }]);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

describe('a log that the chain has closed', () => {
  const successor = logIdOf('log.example/never-made');

  function close(block: number, size: number) {
    const root = rootOf(world.leaves().slice(0, size));
    world.blocks[block] = { ...world.blocks[block]!, logs: [anchorLog('LogSuperseded', [logIdOf('log.example/audit'), successor, size, root])] };
  }

  it('still owes what was overdue by then, and never holds: what came behind it is another audit', async () => {
    world.entries.length = 60;
    world.anchors = [{ block: 10, size: 5 }];
    close(115, 5);
    const report = await world.audit({ limits: { recordLagSeconds: 60, anchorLagSeconds: 60 } });
    expect(report).toMatchObject({ outcome: 'violated', failuresByCode: { RECORD_WITHOUT_ENTRY: expect.any(Number), ANCHOR_MISSING: 1 } });
    expect(report.unchecked).toEqual([{ code: 'SUCCESSOR', detail: expect.stringContaining(`0x${successor.toString('hex')}`) }]);
  });

  it('owes nothing of what was not overdue by then, though topics and chain have gone on since', async () => {
    const { size } = world.anchors[1]!;
    world.entries.length = size + 4;
    world.anchors.length = 2;
    close(85, size);
    const report = await world.audit({ limits: { recordLagSeconds: 60, anchorLagSeconds: 60 } });
    expect(report).toMatchObject({ ok: false, outcome: 'unchecked', failures: [], unchecked: [{ code: 'SUCCESSOR' }], pending: { records: 45, entries: 0 } });
  });
});
