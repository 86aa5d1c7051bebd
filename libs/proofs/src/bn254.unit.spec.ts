import * as snarkjs from 'snarkjs';
import { FIELD_MODULUS } from '#libs/events';
import { randomTwistPoint } from '../test/bn254.fixture.js';
import { randomField } from '../test/telemetry-case.fixture.js';
import { BASE_MODULUS, isInG2Subgroup, isOnG1, isOnTwist, type G2Point } from './bn254.js';
import { decodeProof, encodeProof } from './proof-codec.js';

/** snarkjs's curve: another implementation to hold ours against. */
interface Group<Point> { g: Uint8Array; timesScalar(point: Uint8Array, scalar: bigint): Uint8Array; isZero(point: Uint8Array): boolean; fromObject(point: unknown): Uint8Array; toObject(point: Uint8Array): Point; toAffine(point: Uint8Array): Uint8Array }
const curve = await snarkjs.curves.getCurveFromName('bn128', { singleThread: true }) as { G1: Group<[bigint, bigint, bigint]>; G2: Group<[[bigint, bigint], [bigint, bigint], unknown]> };
const { G1, G2 } = curve;

const g2 = (scalar: bigint): G2Point => { const [x, y] = G2.toObject(G2.toAffine(G2.timesScalar(G2.g, scalar))); return [x, y]; };
const ofOrderR = ([x, y]: G2Point) => G2.isZero(G2.timesScalar(G2.fromObject([x, y, [1n, 0n]]), FIELD_MODULUS));
/** #E'(F_q^2) = r (2q - r). */
const COFACTOR = 2n * BASE_MODULUS - FIELD_MODULUS;

it('tells the subgroup by psi exactly where multiplication by r does', () => {
  const inside = [1n, 2n, FIELD_MODULUS - 1n, randomField(), randomField()].map(g2);
  const random = Array.from({ length: 8 }, randomTwistPoint);
  const cleared = random.slice(0, 3).map(([x, y]): G2Point => { const [cx, cy] = G2.toObject(G2.toAffine(G2.timesScalar(G2.fromObject([x, y, [1n, 0n]]), COFACTOR))); return [cx, cy]; });
  for (const point of [...inside, ...random, ...cleared]) {
    expect(isOnTwist(point)).toBe(true);
    expect(isInG2Subgroup(point)).toBe(ofOrderR(point));
  }
  expect([...inside, ...cleared].every(isInG2Subgroup)).toBe(true);
  expect(random.some(isInG2Subgroup)).toBe(false);
});

it('knows the curves from what is beside them', () => {
  expect(isOnG1([1n, 2n])).toBe(true);
  expect([isOnG1([0n, 0n]), isOnG1([1n, 3n]), isOnTwist([[0n, 0n], [0n, 0n]])]).toEqual([false, false, false]);
  const [x, y] = g2(5n);
  expect(isOnTwist([[x[1], x[0]], y])).toBe(false);
});

it('writes proofs as the precompile of EIP-197 reads them, and reads its own writing', () => {
  const [a, c] = [3n, 4n].map((k) => G1.toObject(G1.toAffine(G1.timesScalar(G1.g, k))));
  const [x, y] = g2(7n);
  const proof = {
    pi_a: [`${a![0]}`, `${a![1]}`, '1'], pi_b: [[`${x[0]}`, `${x[1]}`], [`${y[0]}`, `${y[1]}`], ['1', '0']], pi_c: [`${c![0]}`, `${c![1]}`, '1'], protocol: 'groth16', curve: 'bn128',
  } satisfies ReturnType<typeof decodeProof>;
  const bytes = encodeProof(proof);
  const words = Array.from({ length: 8 }, (_, i) => BigInt(`0x${bytes.toString('hex', 32 * i, 32 * i + 32)}`));
  expect(words).toEqual([a![0], a![1], x[1], x[0], y[1], y[0], c![0], c![1]]);
  expect(decodeProof(bytes)).toEqual(proof);
  // A view into a larger buffer, as Kafka hands it out.
  expect(decodeProof(Buffer.concat([Buffer.alloc(5, 1), bytes, Buffer.alloc(5, 1)]).subarray(5, 261))).toEqual(proof);
  expect(() => encodeProof({ ...proof, pi_a: ['0', '1', '0'] })).toThrow(/ATS_PROOF_MALFORMED/);
});
