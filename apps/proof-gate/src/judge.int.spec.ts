import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { buildTelemetryEvent, signWindow, type TelemetryEvent } from '#libs/edge';
import { EventReader, fieldFromText, partitionOf, type KafkaRecord } from '#libs/events';
import {
  CIRCUITS_FOLDER, createSnarkjsProver, createSnarkjsVerifier, generateSensorKey, KIND, leafHash, loadCircuit, MerkleTree, secretHash, sensorPublicKey, Verifiers,
} from '#libs/proofs';
import { generateSealingKey } from '#libs/sealed';
import { createLog, Outage, Readiness } from '#libs/service';
import { EMPTY_STATE, ParameterSets, serializeParameterSet, type ParameterSet, type RegistryView } from '#libs/verdict';
import { BLOCK, CODEC, EPOCH, EPOCH_SECONDS, NOW, parameterSet } from '../../../test/support/gate-records.js';
import { Judge, memoryOf, type Memory, type Place } from './judge.js';
import { GateMetrics } from './metrics.js';
import { Verification } from './verification/verification.js';

/** The judge with the committed circuit and real proofs; only Kafka and the chain are not here. */

const SCOPE = 99n;
const [statement] = parameterSet().statements;
const key = loadCircuit('telemetry16').verificationKeyHash;
const tree = new MerkleTree();
let first: TelemetryEvent;
let second: TelemetryEvent;
let dir: string;
let verifiers: Verifiers;
let readiness: Readiness;

beforeAll(async () => {
  const sensorKey = generateSensorKey();
  const secret = 424_242n;
  const index = tree.append(leafHash({ kind: KIND.telemetry, ...sensorPublicKey(sensorKey), secretHash: secretHash(secret), program: fieldFromText('home') }));
  const prover = createSnarkjsProver({ threads: 1 });
  const { publicKey } = await generateSealingKey();
  const prove = (epoch: number, reading: number) => buildTelemetryEvent({
    secret, scope: SCOPE, codec: CODEC, prover, sealingPublicKey: publicKey, policy: parameterSet().policies[0]!,
    window: signWindow(sensorKey, { stream: 'load', epoch, epochSeconds: EPOCH_SECONDS, readings: Array<number>(16).fill(reading) }),
    membership: { root: tree.root, ...tree.path(index) },
  });
  first = await prove(EPOCH, 100);
  second = await prove(EPOCH + 1, 900);
  await prover.close();
}, 120_000);

beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'attestream-judge-')); });
afterEach(async () => {
  await verifiers.close();
  rmSync(dir, { recursive: true, force: true });
});

function judgeWith(set: ParameterSet, circuitsDir = CIRCUITS_FOLDER): Judge {
  const registry: RegistryView = {
    rootAt: (root) => (root === tree.root ? 'known' : 'unknown'),
    parametersAt: () => ({ version: set.version, document: serializeParameterSet(set) }),
  };
  readiness = new Readiness();
  verifiers = new Verifiers(circuitsDir, 1, createSnarkjsVerifier);
  const events = new EventReader('http://127.0.0.1:1');
  const outage = new Outage('parameters', createLog('test', 'fatal'), readiness);
  return new Judge({
    codec: CODEC, events, verifiers, metrics: new GateMetrics(new Registry()),
    context: { scope: SCOPE, registry, decode: (topic, value, inForce) => events.decode(topic, value, inForce) },
    follower: { blockNow: () => BLOCK, blockOf: async () => BLOCK },
    verification: new Verification({ verify: (proofs) => verifiers.verifyBatch(proofs), calls: 1, mostProofs: 8, paceMs: 0 }),
    outageOf: () => outage,
    parameterSets: new ParameterSets(registry),
  });
}

async function judge(one: Judge, memory: Memory, records: KafkaRecord[], at: Place): ReturnType<Judge['process']> {
  return await one.process(memory, records, at, await one.prepare(memory, records, at));
}

const inForce = (change: Partial<ParameterSet> = {}) => parameterSet({ statements: [{ ...statement!, verificationKey: key }], ...change });
const place = (signal = new AbortController().signal) => ({ topic: 'telemetry' as const, partition: 0, signal });
let offset = 0n;
const received = ({ record }: TelemetryEvent, value = record.value): KafkaRecord => ({
  topic: 'telemetry', partition: partitionOf(record.key!, 4), offset: offset++, timestamp: NOW, key: record.key, value, headers: Object.entries(record.headers),
});
const verdictsOf = (output: Awaited<ReturnType<Judge['process']>>['output']) =>
  output.filter(({ topic }) => topic === 'audit-log').map(({ value }) => CODEC.decode('audit-log', value).verdict);

it('accepts what the real prover made, in the state that the readings have, and nothing else', async () => {
  const { proof } = second.event;
  const swapped = received(first, Buffer.concat([first.record.value.subarray(0, -256), proof]));
  const worse = received(first, CODEC.encode('telemetry', { ...first.event, state: 'CRITICAL' }));
  const { output } = await judge(judgeWith(inForce()), memoryOf(EMPTY_STATE), [swapped, worse, received(first), received(first), received(second)], place());
  expect(verdictsOf(output)).toEqual(['PROOF_INVALID', 'PROOF_INVALID', 'VERIFIED', 'NULLIFIER_SEEN', 'VERIFIED']);
  const verified = output.filter(({ topic }) => topic === 'telemetry.verified').map(({ value }) => CODEC.decode('telemetry.verified', value).state);
  expect(verified).toEqual(['OK', 'CRITICAL']);
}, 60_000);

it('a device can not prove under other bounds than the policy\'s', async () => {
  const laxer = inForce({ policies: [{ ...parameterSet().policies[0]!, critHi: 1000 }] });
  const { output } = await judge(judgeWith(laxer), memoryOf(EMPTY_STATE), [received(first), received(second)], place());
  expect(verdictsOf(output)).toEqual(['PROOF_INVALID', 'PROOF_INVALID']);
});

it('remembers nothing of a batch that was not committed', async () => {
  const one = judgeWith(inForce());
  const memory: Memory = memoryOf(EMPTY_STATE);
  expect(verdictsOf((await judge(one, memory, [received(first)], place())).output)).toEqual(['VERIFIED']);
  expect(memory.state).toBe(EMPTY_STATE);
  const again = await judge(one, memory, [received(first)], place());
  expect(verdictsOf(again.output)).toEqual(['VERIFIED']);
  again.committed();
  expect(verdictsOf((await judge(one, memory, [received(first)], place())).output)).toEqual(['NULLIFIER_SEEN']);
}, 60_000);

it('waits for a circuit that is not there, says so, and goes on when it comes', async () => {
  const judging = judge(judgeWith(inForce(), dir), memoryOf(EMPTY_STATE), [received(first)], place());
  expect(await Promise.race([judging, new Promise((resolve) => setTimeout(resolve, 300, 'waiting'))])).toBe('waiting');
  expect(readiness.status().waitingFor['parameters']).toMatch(/^ATS_CIRCUIT_MISSING: /);
  mkdirSync(join(dir, 'telemetry16'), { recursive: true });
  for (const name of ['telemetry16.wasm', 'telemetry16.zkey', 'verification-key.json']) cpSync(join(CIRCUITS_FOLDER, 'telemetry16', name), join(dir, 'telemetry16', name));
  expect(verdictsOf((await judging).output)).toEqual(['VERIFIED']);
  expect(readiness.ready).toBe(true);
}, 60_000);

it('decides nothing when the set names another key, a statement it does not know, or a schema it can not get; and lets go of a lost partition', async () => {
  const unknown = [
    inForce({ statements: [{ ...statement!, verificationKey: 'cd'.repeat(32) }] }),
    inForce({ statements: [{ ...statement!, circuit: 'telemetry64' }] }),
    inForce({ schemas: [{ topic: 'telemetry', id: 5, fingerprint: 'ef'.repeat(32) }] }),
  ];
  for (const set of unknown) {
    const lost = new AbortController();
    const judging = judge(judgeWith(set), memoryOf(EMPTY_STATE), [received(first)], place(lost.signal));
    expect(await Promise.race([judging, new Promise((resolve) => setTimeout(resolve, 300, 'waiting'))])).toBe('waiting');
    expect(readiness.status().waitingFor['parameters']).toMatch(/^ATS_(CIRCUIT_MISSING|REGISTRY_UNREACHABLE): /);
    lost.abort();
    await expect(judging).rejects.toThrow('aborted');
    await verifiers.close();
  }
});
