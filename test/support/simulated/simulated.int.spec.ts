import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RegistryProjection } from '#libs/chain';
import { TOPIC_NAMES, type KafkaRecord, type OutgoingRecord, type TopicName } from '#libs/events';
import { createNativeVerifier, createSnarkjsVerifier, loadNative, loadVerificationKey, Verifiers, type ProofJob } from '#libs/proofs';
import { decide, EMPTY_STATE, evolve, examine, ParameterSets, pendingProofs, type JudgeContext, type PartitionState } from '#libs/verdict';
import { block, deployment, published, registered, revoked, timeOf } from '../../../libs/chain/test/made-up-chain.js';
import { BAD_KIND_NAMES, BAD_KINDS, badMessage, simulateProof, SimulatedWorld, writeThrowawayCircuits } from './index.js';

const dir = mkdtempSync(join(tmpdir(), 'attestream-simulated-'));
const CIRCUIT = 'telemetry16';
const ids = Object.fromEntries(TOPIC_NAMES.map((topic, i) => [topic, 101 + i])) as Record<TopicName, number>;
const circuits = writeThrowawayCircuits(join(dir, 'one'), 'one');
afterAll(() => { rmSync(dir, { recursive: true }); });

const signals = (i: number) => Array.from({ length: 16 }, (_, k) => BigInt(k) ** BigInt(40 + i) + BigInt(i));
const job = (i: number, proof = simulateProof(circuits.trapdoor, CIRCUIT, signals(i)), publicSignals = signals(i)): ProofJob => ({ circuit: CIRCUIT, proof, publicSignals });
/** Whether native/ is here is the machine's business; where it is, it must agree. */
const engines = [['snarkjs', createSnarkjsVerifier], ...(loadNative().missing === null ? [['native', createNativeVerifier] as const] : [])] as const;

it.each(engines)('%s takes a simulated proof for its own signals alone, under its own key alone', async (_name, create) => {
  const others = signals(0).map((__, at) => signals(0).map((signal, i) => (i === at ? signal + 1n : signal)));
  const verifier = await create({ circuits: [CIRCUIT], threads: 1, folder: circuits.folder });
  expect(await verifier.verifyBatch([job(0), job(1), job(2)])).toEqual([true, true, true]);
  expect(await verifier.verifyBatch(others.map((publicSignals) => job(0, undefined, publicSignals)))).toEqual(others.map(() => false));
  await verifier.close();
  for (const folder of [writeThrowawayCircuits(join(dir, 'two'), 'two').folder, undefined]) {
    const other = await create({ circuits: [CIRCUIT], threads: 1, ...(folder !== undefined && { folder }) });
    expect(await other.verifyBatch([job(0)])).toEqual([false]);
    await other.close();
  }
});

it('a seed gives the same keys and messages each time, another seed others', () => {
  const again = writeThrowawayCircuits(join(dir, 'again'), 'one');
  expect(again.keyHashes).toEqual(circuits.keyHashes);
  expect(again.keyHashes[CIRCUIT]).toBe(loadVerificationKey(CIRCUIT, again.folder).verificationKeyHash);
  expect(writeThrowawayCircuits(join(dir, 'other'), 'other').keyHashes[CIRCUIT]).not.toBe(circuits.keyHashes[CIRCUIT]);
  const said = { household: 3, epoch: 7 };
  const [one, two] = [circuits, again].map((made) => new SimulatedWorld({ seed: 's', circuits: made, deployment, ids }).telemetry(said));
  expect(two).toEqual(one);
  expect(new SimulatedWorld({ seed: 't', circuits, deployment, ids }).telemetry(said).value).not.toEqual(one!.value);
});

it('a thousand signals give a thousand proofs that differ in every point', () => {
  const proofs = Array.from({ length: 1000 }, (_, i) => simulateProof(circuits.trapdoor, CIRCUIT, signals(0).with(15, BigInt(i))));
  expect(new Set(proofs.map((proof) => proof.toString('latin1'))).size).toBe(proofs.length);
  expect(new Set(proofs.map((proof) => proof.toString('latin1', 64, 192))).size).toBeGreaterThan(950); // B: 2^16 points
});

describe('a world on a made-up chain', () => {
  const NOW = timeOf(40) + 1000 * deployment.registryLagSeconds;
  const world = new SimulatedWorld({ seed: 'world', circuits, deployment, ids, acceptSeconds: 300, streams: ['load', 'heat'] });
  const projection = new RegistryProjection(deployment);
  const sets = new ParameterSets(projection);
  const epoch = Math.floor(NOW / 1000 / world.epochSeconds) - 1;
  const context: JudgeContext = { scope: world.scope, registry: projection, decode: (topic, value) => world.codec.decode(topic, value) };
  const verifiers = new Verifiers(circuits.folder, 1, createSnarkjsVerifier);
  const states = new Map<number, PartitionState>();
  let offset = 0n;

  beforeAll(() => {
    const logs = [[published(1, world.document().toString()), registered(0)], [registered(1)], [revoked(1)]];
    for (let i = 0; i <= 41; i++) {
      projection.apply(block(deployment.firstBlock + i, logs[i] ?? []));
      if (i === 0) world.root = projection.tree().root;
      if (i === 1) world.revokedRoot = projection.tree().root;
    }
  });
  afterAll(async () => { await verifiers.close(); });

  async function verdictOn({ key, value, headers, partition = key === null ? 0 : world.partitionOfKey(key) }: OutgoingRecord): Promise<string> {
    const record: KafkaRecord = { topic: 'telemetry', partition, offset: offset++, timestamp: NOW, key, value, headers: Object.entries(headers) };
    const found = projection.registryBlock(NOW);
    if (found.status !== 'found') throw new Error(found.status);
    const parameters = sets.at(found.block);
    await verifiers.prepare(parameters.set!.statements[0]!);
    const state = states.get(partition) ?? EMPTY_STATE;
    const finding = examine(record, { block: found.block, parameters }, context);
    const holds = await verifiers.verify(pendingProofs(state, [finding]));
    const judgement = decide(state, finding, (candidate) => holds.get(candidate)!);
    states.set(partition, evolve(state, judgement));
    return judgement.verdict;
  }

  it('has its honest messages verified', async () => {
    for (const stream of world.streams) expect(await verdictOn(world.telemetry({ household: 1, stream, epoch, state: 'WARNING' }))).toBe('VERIFIED');
  });

  it.each(BAD_KIND_NAMES)('has a message with "%s" refused for that', async (name) => {
    const said = { household: 10 + BAD_KIND_NAMES.indexOf(name), epoch };
    if ('repeats' in BAD_KINDS[name]) expect(await verdictOn(world.telemetry(said))).toBe('VERIFIED');
    const { record, verdict } = badMessage(world, name, said);
    expect([await verdictOn(record), verdict]).toEqual([verdict, BAD_KINDS[name].verdict]);
    if (!('repeats' in BAD_KINDS[name])) expect(await verdictOn(world.telemetry(said))).toBe('VERIFIED');
  });
});
