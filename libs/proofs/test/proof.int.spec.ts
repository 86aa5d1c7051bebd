import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FIELD_MODULUS } from '#libs/events';
import {
  BASE_MODULUS, createSnarkjsProver, createSnarkjsVerifier, decodeProof, encodeProof, evaluateTelemetry, loadCircuit, telemetryPublicSignals,
  type BatchVerifier, type ProofJob, type Prover,
} from '../src/index.js';
import { pointOutsideG2 } from './bn254.fixture.js';
import { Household } from './telemetry-case.fixture.js';

const circuit = 'telemetry16';
const household = new Household();
const input = household.input();
const expected = telemetryPublicSignals(evaluateTelemetry(input));
let prover: Prover;
let verifier: BatchVerifier;
let good: ProofJob;

beforeAll(async () => {
  prover = createSnarkjsProver({ threads: 1 });
  verifier = await createSnarkjsVerifier({ circuits: [circuit], threads: 2 });
  const { proof, publicSignals } = await prover.prove(circuit, { ...input });
  good = { circuit, proof, publicSignals };
}, 600_000);

afterAll(async () => {
  await prover.close();
  await verifier.close();
});

const verdict = async (change: Partial<ProofJob>) => (await verifier.verifyBatch([{ ...good, ...change }]))[0];
const bytes32 = (value: bigint) => Buffer.from(value.toString(16).padStart(64, '0'), 'hex');
/** The proof with one of its eight coordinates replaced. */
const withCoordinate = (index: number, value: bigint) => Buffer.concat([
  good.proof.subarray(0, 32 * index), bytes32(value), good.proof.subarray(32 * index + 32),
]);
const coordinate = (index: number) => BigInt(`0x${good.proof.toString('hex', 32 * index, 32 * index + 32)}`);

it('proves the public signals of the reference, and the proof verifies', async () => {
  expect(good.publicSignals).toEqual(expected);
  expect(await verdict({ publicSignals: expected })).toBe(true);
});

it('gives each job of a batch its own verdict, in order', async () => {
  const changed = good.publicSignals.with(4, good.publicSignals[4] === 2n ? 1n : 2n);
  const pattern = [true, false, true, true, false, false, true];
  expect(await verifier.verifyBatch(pattern.map((holds) => (holds ? good : { ...good, publicSignals: changed })))).toEqual(pattern);
  expect(await verifier.verifyBatch([])).toEqual([]);
}, 300_000);

it('refuses the proof for every public signal changed by one', async () => {
  const jobs = expected.map((signal, i) => ({ ...good, publicSignals: expected.with(i, (signal + 1n) % FIELD_MODULUS) }));
  expect(await verifier.verifyBatch(jobs)).toEqual(jobs.map(() => false));
}, 300_000);

describe('refuses what snarkjs would not', () => {
  it('surplus and missing public signals', async () => {
    for (const publicSignals of [[...expected, 0n], expected.slice(0, -1), []]) expect(await verdict({ publicSignals })).toBe(false);
  });

  it('the alias n + r of each public signal, and what is no bigint', async () => {
    const jobs = expected.map((signal, i) => ({ ...good, publicSignals: expected.with(i, signal + FIELD_MODULUS) }));
    expect(await verifier.verifyBatch(jobs)).toEqual(jobs.map(() => false));
    expect(await verdict({ publicSignals: expected.with(0, -1n) })).toBe(false);
    expect(await verdict({ publicSignals: expected.map(String) as unknown as bigint[] })).toBe(false);
  });

  it('a coordinate x + q in place of x', async () => {
    for (let i = 0; i < 8; i++) expect(await verdict({ proof: withCoordinate(i, coordinate(i) + BASE_MODULUS) })).toBe(false);
  });

  it('a B on the curve but outside the subgroup of order r', async () => {
    const [x, y] = pointOutsideG2();
    const proof = Buffer.concat([good.proof.subarray(0, 64), ...[x[1], x[0], y[1], y[0]].map(bytes32), good.proof.subarray(192)]);
    expect(() => decodeProof(proof)).toThrow(/subgroup/);
    expect(await verdict({ proof })).toBe(false);
  });
});

describe('answers false, and does not throw, for', () => {
  it.each<[string, () => Buffer]>([
    ['zeros', () => Buffer.alloc(256)], ['ones', () => Buffer.alloc(256, 0xff)], ['nothing', () => Buffer.alloc(0)], ['255 bytes', () => good.proof.subarray(1)],
    ['257 bytes', () => Buffer.concat([good.proof, Buffer.alloc(1)])], ['A at infinity', () => Buffer.concat([Buffer.alloc(64), good.proof.subarray(64)])],
    ['B at infinity', () => Buffer.concat([good.proof.subarray(0, 64), Buffer.alloc(128), good.proof.subarray(192)])],
    ['C at infinity', () => Buffer.concat([good.proof.subarray(0, 192), Buffer.alloc(64)])],
    ['A off the curve', () => withCoordinate(0, coordinate(0) + 1n)], ['B off the curve', () => withCoordinate(3, coordinate(3) + 1n)],
    ['B with its parts exchanged', () => Buffer.concat([good.proof.subarray(0, 64), good.proof.subarray(96, 128), good.proof.subarray(64, 96), good.proof.subarray(128)])],
    ['A and C exchanged', () => Buffer.concat([good.proof.subarray(192), good.proof.subarray(64, 192), good.proof.subarray(0, 64)])],
    ['-A', () => withCoordinate(1, BASE_MODULUS - coordinate(1))],
  ])('%s', async (_, proof) => {
    expect(await verdict({ proof: proof() })).toBe(false);
  });
});

it('takes -A, -B as another proof of the same statement: what must be unique is the nullifier, never the proof\'s bytes', async () => {
  const { pi_a, pi_b, pi_c } = decodeProof(good.proof);
  const minus = (y: string) => `${BASE_MODULUS - BigInt(y)}`;
  const proof = encodeProof({ pi_a: [pi_a[0], minus(pi_a[1]), '1'], pi_b: [pi_b[0], [minus(pi_b[1][0]), minus(pi_b[1][1])], pi_b[2]], pi_c });
  expect(proof.equals(good.proof)).toBe(false);
  expect(await verdict({ proof })).toBe(true);
});

it('an unknown circuit is an error and no verdict, for the caller has to know its circuits', async () => {
  await expect(verifier.verifyBatch([good, { ...good, circuit: 'intent12' }])).rejects.toMatchObject({ code: 'ATS_CIRCUIT_MISSING' });
  await expect(createSnarkjsVerifier({ circuits: ['intent12'] })).rejects.toMatchObject({ code: 'ATS_CIRCUIT_MISSING' });
});

describe('prover', () => {
  it('names what is wrong with inputs that do not satisfy the statement, and goes on', async () => {
    await expect(prover.prove(circuit, { ...input, epoch: input.epoch + 1n })).rejects.toMatchObject({ code: 'ATS_PROOF_FAILED' });
    await expect(prover.prove(circuit, { ...input, readings: input.readings.slice(1) })).rejects.toMatchObject({ code: 'ATS_PROOF_FAILED' });
    await expect(prover.prove(circuit, {})).rejects.toMatchObject({ code: 'ATS_PROOF_FAILED' });
    await expect(prover.prove('intent12', {})).rejects.toMatchObject({ code: 'ATS_CIRCUIT_MISSING' });
    await expect(prover.prove('../telemetry16', {})).rejects.toMatchObject({ code: 'ATS_CIRCUIT_MISSING' });
  }, 300_000);

  it('leaves the event loop free while it proves', async () => {
    let proving = true;
    let turns = 0;
    const count = () => { if (proving) { turns += 1; setTimeout(count, 5); } };
    count();
    await prover.prove(circuit, { ...input });
    proving = false;
    // A proof takes seconds: on a blocked loop there would be a turn or two.
    expect(turns).toBeGreaterThan(50);
  }, 300_000);
});

it('a circuit whose key file is missing or no key is ATS_CIRCUIT_MISSING', () => {
  const folder = mkdtempSync(join(tmpdir(), 'circuits-'));
  try {
    expect(() => loadCircuit(circuit, folder)).toThrow(/ATS_CIRCUIT_MISSING.*verification-key.json/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
