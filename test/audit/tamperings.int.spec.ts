import type { AuditReport, FailureCode } from '#libs/audit';
import { logIdOf } from '#libs/chain';
import { FIELD_MODULUS, fieldToBytes } from '#libs/events';
import { encodeEntryBundle, formatCheckpoint, type TileSource } from '#libs/log';
import { anchorLog, AuditVerifier, AuditWorld, BEGIN_MS, hashOf, rootOf } from '../support/audit-world.js';

/**
 * An operator who changes one thing and then makes everything else fit: tiles, checkpoint and anchored roots are made anew from the changed entries,
 * as far as an operator can. Each is caught by name, at its leaf.
 */

let shared: AuditVerifier;
let world: AuditWorld;
beforeAll(() => { shared = new AuditVerifier(); });
beforeEach(() => { world = AuditWorld.honest(shared); });
afterAll(() => shared.close());

const found = ({ failures }: AuditReport) => failures.map(({ code, leaf }) => [code, leaf]);
const expectOnly = async (...expected: [FailureCode, number | null][]) => {
  const report = await world.audit();
  expect(found(report)).toEqual(expected);
  expect(report).toMatchObject({ ok: false, outcome: 'violated' });
  return report;
};

describe('entries', () => {
  it('an entry whose hash was changed', async () => {
    world.change(50, { hash: Buffer.alloc(32, 1) });
    await expectOnly(['ENTRY_HASH', 50]);
  });

  it('an entry whose broker time was changed', async () => {
    world.change(50, { timestamp: world.entries[50]!.timestamp - 1 });
    await expectOnly(['ENTRY_TIME', 50]);
  });

  it('an entry that was dropped: the record behind it tells', async () => {
    const leaf = world.leafWith('VERIFIED', 5);
    const { topic, partition, offset } = world.entries[leaf]!;
    const next = world.entries.findIndex((entry, i) => i > leaf && entry.topic === topic && entry.partition === partition);
    world.drop(leaf);
    const report = await expectOnly(['RECORD_WITHOUT_ENTRY', next - 1]);
    expect(report.failures[0]).toMatchObject({ topic, partition, offset });
  });

  it('entries that were dropped in a row', async () => {
    for (let i = 0; i < 12; i++) world.drop(30);
    const report = await world.audit();
    expect(report.failuresByCode).toEqual({ RECORD_WITHOUT_ENTRY: 12 });
  });

  it('an entry of a record that is not there', async () => {
    const last = world.records.get('chain-events/0')!.at(-1)!;
    world.insert(70, { ...world.entries[70]!, topic: 'chain-events', partition: 0, offset: Number(last.offset) + 7, verdict: 'RECORDED' });
    await expectOnly(['ENTRY_WITHOUT_RECORD', 70]);
  });

  it('an entry that names a record far ahead, and another hash: the records before it are not forgotten', async () => {
    const ahead = world.records.get('chain-events/0')![100]!;
    world.insert(20, { ...world.entries[20]!, topic: 'chain-events', partition: 0, offset: Number(ahead.offset), hash: Buffer.alloc(32, 5) });
    await expectOnly(['ENTRY_WITHOUT_RECORD', 20]);
  });

  it('an entry of an offset where a transaction was aborted', async () => {
    world.insert(70, { ...world.entries[70]!, topic: 'chain-events', partition: 0, offset: 4 });
    await expectOnly(['ENTRY_WITHOUT_RECORD', 70]);
  });

  it.each([['no such topic', { topic: 'telemetry.verified' }], ['no such partition', { partition: 9 }], ['a negative partition', { partition: -1 }]])('an entry of %s', async (_, place) => {
    world.insert(70, { ...world.entries[70]!, ...place });
    await expectOnly(['ENTRY_WITHOUT_RECORD', 70]);
  });

  it('a second entry of a record', async () => {
    world.insert(90, { ...world.entries[60]! });
    await expectOnly(['ENTRY_DUPLICATE', 90]);
  });

  it('two entries of a partition that changed places', async () => {
    const chain = [...world.entries.keys()].filter((leaf) => world.entries[leaf]!.topic === 'chain-events' && leaf > 60);
    const [a, b] = [chain[0]!, chain[1]!];
    [world.entries[a], world.entries[b]] = [world.entries[b]!, world.entries[a]!];
    await expectOnly(['ENTRY_REORDERED', b]);
  });

  it('an entry that is none', async () => {
    const leaves = world.leaves();
    world.leaves = () => leaves.with(20, Buffer.from('nothing of ours'));
    const report = await world.audit();
    expect(found(report)).toContainEqual(['ENTRY_MALFORMED', 20]);
  });
});

describe('the log', () => {
  it('a source record without an entry at the log\'s end, once the topics have gone on for longer than the lag', async () => {
    const { offset } = world.say(1, BEGIN_MS + 150_000, { stream: 'heat' });
    const later = BEGIN_MS + 2_000_000;
    for (let at = BEGIN_MS + 250_000; at < later; at += 30_000) world.append('chain-events', 0, at, { key: null, value: null, headers: [] });
    world.nowMs = later;
    const report = await world.audit();
    expect(report.failures.find(({ topic }) => topic === 'telemetry')).toMatchObject({ code: 'RECORD_WITHOUT_ENTRY', leaf: null, offset: Number(offset) });
  });

  it('a log that was cut below its anchored size', async () => {
    world.entries.length = 120;
    const roots = AuditWorld.honest(shared).leaves();
    world.anchors[2]!.root = rootOf(roots.slice(0, 141));
    const report = await world.audit();
    expect(found(report)).toContainEqual(['LOG_TRUNCATED', 120]);
  });

  it('a log that has forked from what was anchored', async () => {
    world.anchors[1]!.root = rootOf(world.leaves().slice(0, world.anchors[1]!.size));
    const leaf = world.leafWith('VERIFIED', 8);
    world.change(leaf, { verdict: 'MALFORMED' });
    await expectOnly(['LOG_FORKED', world.anchors[1]!.size], ['VERDICT_WRONG', leaf]);
  });

  it('a checkpoint that is signed for another root', async () => {
    world.signedRoot = Buffer.alloc(32, 3);
    await expectOnly(['CHECKPOINT_ROOT', null]);
  });

  it('a checkpoint that another key has signed', async () => {
    const other = AuditWorld.honest(shared);
    const report = await world.audit({ vkey: other.key.vkey });
    expect(found(report)).toEqual([['CHECKPOINT_INVALID', null]]);
  });

  it('an anchor that is missing while the log goes on', async () => {
    world.anchors = world.anchors.slice(0, 1);
    const report = await world.audit({ limits: { anchorLagSeconds: 60 } });
    expect(found(report)).toEqual([['ANCHOR_MISSING', world.anchors[0]!.size]]);
  });

  it('an anchor that came too late', async () => {
    world.anchors = [{ block: 15, size: 12 }, { block: 119, size: 141 }];
    const report = await world.audit({ limits: { anchorLagSeconds: 60 } });
    expect(found(report)).toEqual([['ANCHOR_MISSING', 12]]);
  });

  it('a log that was never opened on the chain', async () => {
    world.anchors = [];
    const chain = world.options().chain!;
    const report = await world.audit({ chain: { ...chain, read: async (from, to) => (await chain.read(from, to)).map((block) => ({ ...block, logs: block.number === 2 ? [] : block.logs })) } });
    expect(found(report)).toEqual([['ANCHOR_MISSING', 0]]);
  });

  it('a tile that is not what the entries hash to', async () => {
    world.tiles = (honest) => ({ ...honest, tile: async (level, index, width) => {
      const tile = Buffer.from(await honest.tile(level, index, width));
      tile[32 * 9]! ^= 1;
      return tile;
    } });
    await expectOnly(['TILE_WRONG', 9]);
  });

  it('an entry that was changed without its tile', async () => {
    const bundle = (honest: TileSource): TileSource => ({ ...honest, entries: async (index, width) => encodeEntryBundle(world.leaves().with(9, world.leaves()[8]!).slice(256 * index, 256 * index + width)) });
    world.tiles = bundle;
    const report = await world.audit();
    expect(found(report)).toEqual(expect.arrayContaining([['TILE_WRONG', 9], ['ENTRY_DUPLICATE', 9], ['CHECKPOINT_ROOT', null], ['LOG_FORKED', 44]]));
  });

  it('an entry that the topic does not have, dropped from the topic alone', async () => {
    world.topicEntries = world.leaves().toSpliced(33, 1);
    await expectOnly(['ENTRY_NOT_IN_TOPIC', 33]);
  });

  it('an entry that the topic has and the log has not: one finding, not one for every entry behind it', async () => {
    world.topicEntries = world.leaves();
    const leaf = world.leafWith('RECORDED', 60);
    world.drop(leaf);
    const report = await world.audit();
    expect(found(report)).toEqual(expect.arrayContaining([['ENTRY_NOT_IN_TOPIC', leaf], [expect.stringMatching('RECORD_WITHOUT_ENTRY'), expect.any(Number)]]));
    expect(report.failureCount).toBe(2);
  });

  it('an entry that is another one in the topic', async () => {
    world.topicEntries = world.leaves().with(33, world.leaves()[32]!);
    await expectOnly(['ENTRY_NOT_IN_TOPIC', 33]);
  });
});

describe('verdicts', () => {
  it('a verified message that is logged as refused', async () => {
    const leaf = world.leafWith('VERIFIED', 4);
    world.change(leaf, { verdict: 'EPOCH_STALE' });
    await expectOnly(['VERDICT_WRONG', leaf]);
  });

  it('a resend that is logged as verified: its nullifier is seen as well', async () => {
    const leaf = world.leafWith('NULLIFIER_SEEN');
    world.change(leaf, { verdict: 'VERIFIED' });
    await expectOnly(['VERDICT_WRONG', leaf], ['NULLIFIER_REUSED', leaf]);
  });

  it('a message with the proof of another, logged as verified', async () => {
    const leaf = world.leafWith('PROOF_INVALID');
    world.change(leaf, { verdict: 'VERIFIED' });
    await expectOnly(['PROOF_INVALID', leaf]);
  });

  it('a record that is no event, logged as recorded', async () => {
    const leaf = world.leafWith('MALFORMED');
    world.change(leaf, { verdict: 'RECORDED' });
    await expectOnly(['VERDICT_WRONG', leaf]);
  });

  it('another parameter version', async () => {
    const leaf = world.leafWith('VERIFIED', 4);
    world.change(leaf, { parameterVersion: 2 });
    await expectOnly(['PARAMETER_VERSION', leaf]);
  });

  it('a parameter version that is no longer in force', async () => {
    const leaf = world.leafWith('VERIFIED', 20);
    expect(world.entries[leaf]!.parameterVersion).toBe(2);
    world.change(leaf, { parameterVersion: 1 });
    await expectOnly(['PARAMETER_VERSION', leaf]);
  });

  it.each([
    ['older', -1, 'REGISTRY_BLOCK_OLD'], ['newer', 1, 'REGISTRY_BLOCK_FUTURE'],
  ] as const)('a registry block that is %s than the rule says', async (_, by, code) => {
    const leaf = world.leafWith('VERIFIED', 4);
    const named = world.blocks.findIndex(({ hash }) => hash.equals(world.entries[leaf]!.registryBlock!));
    world.change(leaf, { registryBlock: hashOf(named + by) });
    await expectOnly([code, leaf]);
  });

  it('a registry block that is not of the chain, and none at all', async () => {
    const [a, b] = [world.leafWith('VERIFIED', 4), world.leafWith('VERIFIED', 9)];
    world.change(a, { registryBlock: Buffer.alloc(32, 9) });
    world.change(b, { registryBlock: null });
    await expectOnly(['REGISTRY_BLOCK_UNKNOWN', a], ['REGISTRY_BLOCK_OLD', b]);
  });

  it('a nullifier that is used again when the window has forgotten it', async () => {
    const first = world.records.get(`telemetry/${world.messages.partitionOf(1)}`)!.find(({ value }) => value!.length > 100)!;
    const event = { nullifier: world.messages.nullifierOf(first.value!) };
    const { offset, partition } = world.say(1, BEGIN_MS + 239_000, { stream: 'heat', ...event });
    world.judge();
    const leaf = world.leafOf({ topic: 'telemetry', partition, offset });
    expect(world.entries[leaf]!.verdict).toBe('VERIFIED');
    await expectOnly(['NULLIFIER_REUSED', leaf]);
  });

  it('a nullifier under a second name, n + r, is the gate\'s to refuse', async () => {
    const first = world.records.get(`telemetry/${world.messages.partitionOf(1)}`)![0]!;
    const nullifier = BigInt(`0x${world.messages.nullifierOf(first.value!).toString('hex')}`);
    expect(() => fieldToBytes(nullifier + FIELD_MODULUS)).toThrow('ATS_FIELD_NOT_CANONICAL');
  });
});

describe('times and blocks', () => {
  it('a broker time after the block that anchored the entry, in record and entry alike', async () => {
    const record = world.records.get('bci-intent/1')![0]!;
    const leaf = world.leafOf(record);
    record.timestamp += 150_000;
    world.change(leaf, { timestamp: record.timestamp, registryBlock: world.entries[leaf]!.registryBlock });
    const report = await world.audit();
    expect(found(report)).toContainEqual(['BROKER_TIME', leaf]);
  });

  it('a broker time in the future of an entry that is not anchored', async () => {
    const record = world.records.get('chain-events/0')!.at(-1)!;
    const leaf = world.leafOf(record);
    record.timestamp = world.nowMs + 3_600_000;
    world.change(leaf, { timestamp: record.timestamp });
    await expectOnly(['BROKER_TIME', leaf]);
  });

  it('a broker time that is long before the anchor without the entry', async () => {
    const record = world.records.get('bci-intent/1')![0]!;
    const leaf = world.leafOf(record);
    const [entry] = world.entries.splice(leaf, 1);
    world.entries.push(entry!);
    const report = await world.audit({ limits: { maxWaitSeconds: 60, clockToleranceSeconds: 1 } });
    expect(found(report)).toContainEqual(['BROKER_TIME', world.entries.length - 1]);
  });

  it('a record of a block that was written before the block was made', async () => {
    const record = world.records.get('chain-events/0')![60]!;
    const leaf = world.leafOf(record);
    record.timestamp -= 10_000;
    world.change(leaf, { timestamp: record.timestamp });
    const report = await world.audit({ limits: { clockToleranceSeconds: 5 } });
    expect(found(report)).toEqual([['BROKER_TIME', leaf]]);
  });

  it('a block in chain-events that is not the chain\'s', async () => {
    const record = world.records.get('chain-events/0')![60]!;
    const leaf = world.leafOf(record);
    const chain = world.options().chain!;
    const read = async (from: number, to: number) => (await chain.read(from, to)).map((block) => (block.number === 60 ? { ...block, logs: [] } : block));
    const report = await world.audit({ chain: { ...chain, read } });
    expect(found(report)).toContainEqual(['CHAIN_EVENT', leaf]);
  });
});

describe('a log that succeeds another one', () => {
  const CUT = 100;
  const predecessor = { origin: 'log.example/before', size: CUT };

  /** The first entries are another log's; entry 0 has its checkpoint. The first of each partition behind the cut has earlier records before it. */
  function succeed({ anchored = CUT, claimed = predecessor as { origin: string; size: number } } = {}) {
    const all = world.leaves();
    const root = rootOf(all.slice(0, CUT));
    const note = Buffer.from(`${formatCheckpoint({ ...claimed, root })}\n— x AAAAAAA=\n`);
    world.topicEntries = all;
    world.leaves = () => [note, ...all.slice(CUT)];
    world.entries = [world.entries[0]!, ...world.entries.slice(CUT)];
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
});
