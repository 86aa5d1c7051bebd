import { join } from 'node:path';
import { audit } from '#libs/audit';
import { AtsError } from '#libs/errors';
import { AuditVerifier, AuditWorld, BEGIN_MS, rootOf } from '../support/audit-world.js';

let shared: AuditVerifier;
beforeAll(() => { shared = new AuditVerifier(); });
afterAll(() => shared.close());

it('an honest world holds, and the report says what was looked at', async () => {
  const world = AuditWorld.honest(shared);
  const report = await world.audit();
  expect(report).toMatchObject({
    ok: true, outcome: 'holds', failures: [], unchecked: [], pending: { records: 0, entries: 0 }, range: { from: 0, to: 145 }, entries: 145, recomputed: 145, unanchored: 4,
    verdicts: { RECORDED: 120, VERIFIED: 21, NULLIFIER_SEEN: 1, PROOF_INVALID: 1, MALFORMED: 2 }, proofsVerified: 23, verifier: 'snarkjs',
    verdictsByTopic: { 'bci-intent': { MALFORMED: 1 }, 'chain-events': { RECORDED: 120 } },
  });
  expect(report.root).toBe(rootOf(world.leaves()).toString('hex'));
  expect(report.checkpoints.map(({ size, block }) => [size, block.number])).toEqual([[44, 40], [96, 80], [141, 119]]);
  expect(report.devices.map(({ state, verified }) => [state, verified])).toEqual([['OK', 7], ['OK', 7], ['OK', 7]]);
});

it('what was not looked at makes no report hold, and is named', async () => {
  const world = AuditWorld.honest(shared);
  const { chain: _chain, ...offline } = world.options();
  expect(await audit(offline)).toMatchObject({ ok: false, outcome: 'unchecked', failures: [], checkpoints: [], recomputed: 145, unchecked: [{ code: 'CHAIN' }] });
  const { records: _records, ...logAlone } = world.options();
  expect(await audit(logAlone)).toMatchObject({ ok: false, outcome: 'unchecked', failures: [], recomputed: 0, entries: 145, unchecked: [{ code: 'RECORDS' }, { code: 'VERDICTS' }] });
  expect(await world.audit({ depth: 'records' })).toMatchObject({ outcome: 'unchecked', failures: [], recomputed: 0, unchecked: [{ code: 'VERDICTS' }] });
});

it('without a chain, verdicts are recomputed with the registry that chain-events tells, and a wrong one is still caught', async () => {
  const world = AuditWorld.honest(shared);
  const leaf = world.leafWith('VERIFIED', 4);
  world.change(leaf, { verdict: 'EPOCH_STALE' });
  const { chain: _chain, ...offline } = world.options();
  expect(await audit(offline)).toMatchObject({ outcome: 'violated', failures: [{ code: 'VERDICT_WRONG', leaf }], unchecked: [{ code: 'CHAIN' }] });
});

it('a range judges its own leaves by the state that the verdicts before it leave, and verifies its own proofs alone', async () => {
  const world = AuditWorld.honest(shared);
  const [before, resend, bad, after] = [world.leafWith('VERIFIED', 0), world.leafWith('NULLIFIER_SEEN'), world.leafWith('PROOF_INVALID'), world.leafWith('VERIFIED', 20)];
  for (const leaf of [before, bad, after]) world.change(leaf, { parameterVersion: 7 });
  const report = await world.audit({ from: resend, to: after });
  expect(report).toMatchObject({ range: { from: resend, to: after }, entries: after - resend, failures: [{ code: 'PARAMETER_VERSION', leaf: bad }], failureCount: 1, root: rootOf(world.leaves()).toString('hex') });
  expect(report.proofsVerified).toBe(world.entries.slice(resend, after).filter(({ verdict }) => verdict === 'VERIFIED' || verdict === 'PROOF_INVALID').length + 1);
});

it('one topic alone is compared when one is asked for', async () => {
  const world = AuditWorld.honest(shared);
  world.change(world.leafWith('RECORDED', 4), { verdict: 'MALFORMED' });
  expect(await world.audit({ topic: 'telemetry' })).toMatchObject({ ok: true, topic: 'telemetry', entries: 24 });
  expect(await world.audit({ topic: 'chain-events' })).toMatchObject({ outcome: 'violated', entries: 120, failuresByCode: { VERDICT_WRONG: 1 } });
});

it('records newer than the log are not yet in it, however long ago that was by our clock', async () => {
  const world = AuditWorld.honest(shared);
  for (let i = 0; i < 5; i++) world.append('chain-events', 0, BEGIN_MS + 245_000 + i * 1000, { key: null, value: null, headers: [] });
  world.topicEntries = [...world.leaves(), Buffer.from('committed since')];
  world.nowMs += 30 * 86_400_000;
  expect(await world.audit()).toMatchObject({ ok: true, pending: { records: 5, entries: 1 } });
});

it('an instance that was stopped for days has not been late by days', async () => {
  const world = AuditWorld.honest(shared);
  const pause = 3 * 86_400_000;
  // Everything from leaf 60 on comes after the pause: blocks, records, entries and anchors.
  const cut = world.entries[60]!.timestamp;
  for (const record of world.inOrder()) if (record.timestamp >= cut) record.timestamp += pause;
  for (const block of world.blocks) if (block.timestamp >= cut - 4000) block.timestamp += pause;
  world.rewriteBlocks();
  world.judge();
  world.nowMs += pause;
  const report = await world.audit({ limits: { anchorLagSeconds: 300, recordLagSeconds: 300, maxWaitSeconds: 300 } });
  expect(report.failures.filter(({ code }) => ['ANCHOR_MISSING', 'BROKER_TIME', 'RECORD_WITHOUT_ENTRY'].includes(code))).toEqual([]);
  expect(report.ok).toBe(true);
});

it.each(['log', 'records', 'chain'] as const)('a source that does not answer is no violation: %s', async (which) => {
  const world = AuditWorld.honest(shared);
  const gone = async () => { throw new AtsError(which === 'log' ? 'ATS_LOG_UNREACHABLE' : which === 'chain' ? 'ATS_CHAIN_UNREACHABLE' : 'ATS_BROKER_UNREACHABLE', 'nobody'); };
  const { log, records, chain } = world.options();
  const broken = {
    log: { log: { ...log, tiles: { ...log.tiles, entries: gone } } },
    // oxlint-disable-next-line require-yield
    records: { records: { ...records!, read: async function* () { await gone(); } } },
    chain: { chain: { ...chain!, read: gone } },
  }[which];
  const report = await world.audit(broken as never);
  expect(report).toMatchObject({ ok: false, outcome: 'unchecked', failures: [] });
  expect(report.unchecked[0]!.code).toMatch(/^ATS_.*_UNREACHABLE$/);
});

it('a key that is not here leaves the verdicts of its topic unchecked, and nothing else', async () => {
  const world = AuditWorld.honest(shared);
  world.change(world.leafWith('RECORDED', 7), { verdict: 'MALFORMED' });
  const report = await world.audit({ circuitsFolder: join(shared.dir, 'nowhere') });
  expect(report).toMatchObject({ outcome: 'violated', failuresByCode: { VERDICT_WRONG: 1 } });
  expect(new Set(report.unchecked.map(({ code }) => code))).toEqual(new Set(['ATS_CIRCUIT_MISSING']));
});

it('findings beyond the bound are counted, not kept', async () => {
  const world = AuditWorld.honest(shared);
  for (let leaf = 0; leaf < 100; leaf++) world.change(leaf, { hash: Buffer.alloc(32, leaf) });
  const report = await world.audit({ mostFailures: 10 });
  expect(report.failures).toHaveLength(10);
  expect(report).toMatchObject({ failureCount: 100, failuresByCode: { ENTRY_HASH: 100 } });
});

it('an anchor that is newer than the checkpoint has the checkpoint fetched again: the log grew while the audit began', async () => {
  const world = AuditWorld.honest(shared);
  const leaves = world.leaves();
  const early = world.log(leaves.slice(0, 100));
  const log = world.log(leaves);
  let fetched = 0;
  const report = await world.audit({ log: { ...log, checkpoint: () => (fetched++ === 0 ? early : log).checkpoint() } });
  expect(report).toMatchObject({ ok: true, range: { from: 0, to: 145 }, unanchored: 4 });
  expect(fetched).toBe(2);
});
