import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FIELD_MODULUS } from '#libs/events';
import { BASE_MODULUS, createNobleVerifier, createSnarkjsVerifier, type BatchVerifier, type ProofJob } from '../src/index.js';
import { Trapdoor } from '../../../test/support/gate-trapdoor.js';
import { pointOutsideG2 } from './bn254.fixture.js';

/** Two implementations that share no code from the proof's bytes on: whoever disagrees with the other is wrong. */

const circuit = 'telemetry16';
const trapdoor = new Trapdoor(3);
const dir = mkdtempSync(join(tmpdir(), 'attestream-verifiers-'));
let snarkjs: BatchVerifier;
let noble: BatchVerifier;

beforeAll(async () => {
  mkdirSync(join(dir, circuit));
  writeFileSync(join(dir, circuit, 'verification-key.json'), trapdoor.keyFile);
  snarkjs = await createSnarkjsVerifier({ circuits: [circuit], threads: 1, folder: dir });
  noble = await createNobleVerifier({ circuits: [circuit], threads: 1, folder: dir });
});
afterAll(async () => {
  await Promise.all([snarkjs?.close(), noble?.close()]);
  rmSync(dir, { recursive: true, force: true });
});

const signals = [5n, FIELD_MODULUS - 1n, 0n];
const good: ProofJob = { circuit, proof: trapdoor.prove(signals), publicSignals: signals };
const bytes32 = (value: bigint) => Buffer.from(value.toString(16).padStart(64, '0'), 'hex');
const withWords = (change: Record<number, bigint>) => Buffer.concat(Array.from({ length: 8 }, (_, i) => (i in change ? bytes32(change[i]!) : good.proof.subarray(32 * i, 32 * i + 32))));
const word = (i: number) => BigInt(`0x${good.proof.toString('hex', 32 * i, 32 * i + 32)}`);
const both = async (jobs: readonly ProofJob[]) => {
  const [a, b] = await Promise.all([snarkjs.verifyBatch(jobs), noble.verifyBatch(jobs)]);
  expect(b).toEqual(a);
  return b;
};

it('both take proofs that hold and refuse those that do not, each at its place', async () => {
  const other = trapdoor.prove([1n, 2n, 3n]);
  const jobs = Array.from({ length: 40 }, (_, i) => {
    const of = [BigInt(i), 7n, BigInt(i * i)];
    return { circuit, proof: i % 9 === 4 ? other : trapdoor.prove(of), publicSignals: of };
  });
  expect(await both(jobs)).toEqual(jobs.map((_, i) => i % 9 !== 4));
  expect(await both([])).toEqual([]);
});

it('both agree on each way in which a proof can be spoiled', async () => {
  const outside = pointOutsideG2();
  const [[xRe, xIm], [yRe, yIm]] = outside;
  const jobs: [string, Partial<ProofJob>, boolean][] = [
    ['as it is', {}, true],
    ['-A and -B prove the same', { proof: withWords({ 1: BASE_MODULUS - word(1), 4: BASE_MODULUS - word(4), 5: BASE_MODULUS - word(5) }) }, true],
    ['-A alone', { proof: withWords({ 1: BASE_MODULUS - word(1) }) }, false],
    ['A and C changed places', { proof: withWords({ 0: word(6), 1: word(7), 6: word(0), 7: word(1) }) }, false],
    ['B with its parts in another order', { proof: withWords({ 2: word(3), 3: word(2), 4: word(5), 5: word(4) }) }, false],
    ...[0, 1, 6, 7].map((i) => [`word ${i} plus q`, { proof: withWords({ [i]: word(i) + BASE_MODULUS }) }, false] as [string, Partial<ProofJob>, boolean]),
    ...[0, 1, 2, 3, 4, 5, 6, 7].map((i) => [`word ${i} plus one`, { proof: withWords({ [i]: word(i) + 1n }) }, false] as [string, Partial<ProofJob>, boolean]),
    ['B outside the subgroup', { proof: withWords({ 2: xIm, 3: xRe, 4: yIm, 5: yRe }) }, false],
    ['A at infinity', { proof: withWords({ 0: 0n, 1: 0n }) }, false],
    ['B at infinity', { proof: withWords({ 2: 0n, 3: 0n, 4: 0n, 5: 0n }) }, false],
    ['C at infinity', { proof: withWords({ 6: 0n, 7: 0n }) }, false],
    ['nothing but zeros', { proof: Buffer.alloc(256) }, false],
    ['one byte too few', { proof: good.proof.subarray(1) }, false],
    ['one byte too many', { proof: Buffer.concat([good.proof, Buffer.alloc(1)]) }, false],
    ['no bytes', { proof: Buffer.alloc(0) }, false],
    ['a signal changed', { publicSignals: [6n, FIELD_MODULUS - 1n, 0n] }, false],
    ['a signal plus r', { publicSignals: [5n + FIELD_MODULUS, FIELD_MODULUS - 1n, 0n] }, false],
    ['a negative signal', { publicSignals: [5n, -1n, 0n] }, false],
    ['a signal too few', { publicSignals: [5n, FIELD_MODULUS - 1n] }, false],
    ['a signal too many', { publicSignals: [...signals, 0n] }, false],
  ];
  const holds = await both(jobs.map(([, change]) => ({ ...good, ...change })));
  expect(jobs.map(([name], i) => [name, holds[i]])).toEqual(jobs.map(([name, , held]) => [name, held]));
});

it('both agree on bits flipped anywhere in a proof', async () => {
  const jobs = Array.from({ length: 32 }, (_, i) => {
    const proof = Buffer.from(good.proof);
    const bit = (i * 67 + 5) % 2048;
    proof[bit >> 3]! ^= 1 << (bit & 7);
    return { ...good, proof };
  });
  expect(await both(jobs)).toEqual(jobs.map(() => false));
});

it('two bad proofs whose faults cancel out are both refused: the coefficients are random', async () => {
  // C + D and C - D: their sum is that of two good ones.
  const [a, b] = [trapdoor.prove(signals), trapdoor.prove(signals)];
  const swapped = [Buffer.concat([a.subarray(0, 192), b.subarray(192)]), Buffer.concat([b.subarray(0, 192), a.subarray(192)])];
  expect(await both(swapped.map((proof) => ({ ...good, proof })))).toEqual([false, false]);
});

it('an unknown circuit is an error and no verdict', async () => {
  await expect(noble.verifyBatch([{ ...good, circuit: 'other' }])).rejects.toThrow('ATS_CIRCUIT_MISSING');
});
