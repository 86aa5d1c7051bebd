import { chooseEngine } from '#libs/proofs';
import { runBroken } from './broken.js';
import { chaos } from './chaos.js';
import { FAULTS } from './fault.js';
import { clean } from './judge.js';
import { ChaosWorld } from './world.js';

/** `make chaos` is the long form of this: 22,000 messages, 110 kills of apps and 6 of brokers. */
const SEED = 5;
/** snarkjs takes 50 times as long for a proof, in the gates and in the audit. */
const [VALID, BAD] = chooseEngine('auto').name === 'native' ? [900, 120] : [240, 60];

let world: ChaosWorld;
let sound = false;

beforeAll(async () => {
  world = await ChaosWorld.start({ kafka: 'single', seed: SEED, gates: 3 });
}, 300_000);

afterAll(async () => {
  await world?.stop();
}, 120_000);

it('every message has one verdict, one entry and at most one event, in order, logged and shown in Icinga2, though ten processes are killed and a frozen gate is evicted', async () => {
  const result = await chaos(world, { seed: SEED, valid: VALID, bad: BAD, kills: 10, evictions: 1, brokerKills: 0, seconds: 540 });
  const { missing, duplicated, unlogged, outOfOrder, icingaMismatch, wrong, waitsFor, auditDetail } = result;
  expect({ missing, duplicated, unlogged, outOfOrder, icingaMismatch, wrong, waitsFor, auditDetail }).toEqual({
    missing: [], duplicated: [], unlogged: [], outOfOrder: [], icingaMismatch: [], wrong: [], waitsFor: null, auditDetail: '',
  });
  const messages = VALID + BAD + result.resent;
  expect(result).toMatchObject({ ok: true, verdicts: messages, auditEntries: messages, verifiedEvents: VALID, evictions: 1, checkpoints: { inconsistent: 0 }, audit: { ok: true, entries: messages + result.recorded } });
  const { gate, sink, anchor, indexer } = result.kills;
  expect(gate + sink + anchor + indexer).toBe(10);
  expect(Math.min(gate, sink, anchor, indexer, result.checkpoints.signed)).toBeGreaterThan(0);
  sound = true;
}, 600_000);

describe('the same judge refuses gates', () => {
  const names = {
    'own-id': 'whose transactional id is the process\'s and not the partition\'s',
    outside: 'whose verdicts are no part of the transaction',
    'split-offsets': 'that commit the offset after the verdicts, in a transaction of its own',
    'early-offset': 'that read the committed offset before the predecessor is fenced',
    'own-position': 'that go on at their own position when a partition comes back to them',
    'early-state': 'whose state moves before the verdicts are committed',
  } as const;

  beforeAll(async () => {
    await Promise.all([...world.gates, world.app('sink'), world.app('anchor')].map((app) => app.stop()));
    await world.app('indexer').start();
  }, 120_000);

  it.each(FAULTS.map((fault, i) => [names[fault], fault, i] as const))('%s', async (_, fault, i) => {
    expect(sound).toBe(true); // what a whole protocol leaves in the same world, the judge accepts
    const judgement = await runBroken(world, fault, 5_000 + i);
    expect(clean(judgement)).toBe(false);
    // A state that moves early repeats nothing: what comes again is taken for a replay.
    expect((fault === 'early-state' ? judgement.wrong : judgement.duplicated).length).toBeGreaterThan(0);
  }, 300_000);
});
