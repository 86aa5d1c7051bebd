// Thread that verifies Groth16 proofs with @noble/curves, a batch at a time. It shares no code with the gate's verifier, so that an audit with it
// trusts neither snarkjs nor our own point checks. Node runs this file as it stands when the sources are run (so: erasable types only, no imports of
// our own but types), and its compiled twin from dist.
import { randomBytes } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { bn254 } from '@noble/curves/bn254.js';
import type { VerificationKey } from './circuit.js';

export interface NobleTask {
  key: VerificationKey;
  /** Proofs of 256 bytes as they came, and canonical public signals as many as the key has, in decimal. */
  proofs: { proof: Uint8Array; publicSignals: string[] }[];
}
export type NobleAnswer = { ok: true; holds: boolean[] } | { ok: false; why: string };

const { G1, G2, fields: { Fp, Fp2, Fp12, Fr }, millerLoopBatch, utils: { calcPairingPrecomputes } } = bn254;
type Point1 = typeof G1.Point.BASE;
type Point2 = typeof G2.Point.BASE;
type Lines = ReturnType<typeof calcPairingPrecomputes>;

const PROOF_BYTES = 256;
const WORD_BYTES = 32;
/** A false batch passes with probability 2^-128. */
const RANDOMIZER_BYTES = 16;

interface Key {
  alpha: Point1;
  ic: Point1[];
  beta: Lines;
  gamma: Lines;
  delta: Lines;
}

interface Proof {
  a: Point1;
  b: Lines;
  c: Point1;
  signals: bigint[];
}

/** The key that was used last: a verifier has one. */
let known: { text: string; key: Key } | undefined;

parentPort!.on('message', (task: NobleTask) => {
  let answer: NobleAnswer;
  try {
    answer = { ok: true, holds: verifyAll(prepare(task.key), task.proofs.map(parse)) };
  } catch (error) {
    answer = { ok: false, why: error instanceof Error ? error.message : String(error) };
  }
  parentPort!.postMessage(answer);
});

function prepare(given: VerificationKey): Key {
  const text = JSON.stringify(given);
  if (known?.text === text) return known.key;
  const g1 = ([x, y]: string[]) => valid(G1.Point.fromAffine({ x: BigInt(x!), y: BigInt(y!) }));
  const g2 = ([x, y]: string[][]) => calcPairingPrecomputes(valid(G2.Point.fromAffine({ x: pair(x!), y: pair(y!) })));
  const pair = ([re, im]: string[]) => Fp2.fromBigTuple([BigInt(re!), BigInt(im!)]);
  const key = { alpha: g1(given.vk_alpha_1), ic: given.IC.map(g1), beta: g2(given.vk_beta_2), gamma: g2(given.vk_gamma_2), delta: g2(given.vk_delta_2) };
  known = { text, key };
  return key;
}

function valid<P extends { assertValidity(): void; is0(): boolean }>(point: P): P {
  point.assertValidity(); // on the curve, and of order r
  if (point.is0()) throw new RangeError('the point at infinity');
  return point;
}

/** Undefined for bytes that are no canonical proof: another length, a coordinate that is not below q, a point off its group, infinity. */
function parse({ proof, publicSignals }: NobleTask['proofs'][number]): Proof | undefined {
  if (proof.length !== PROOF_BYTES) return undefined;
  const words = Array.from({ length: PROOF_BYTES / WORD_BYTES }, (_, i) => BigInt(`0x${Buffer.from(proof.subarray(i * WORD_BYTES, (i + 1) * WORD_BYTES)).toString('hex')}`));
  if (words.some((word) => word >= Fp.ORDER)) return undefined;
  const [ax, ay, bxIm, bxRe, byIm, byRe, cx, cy] = words as [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint];
  try {
    const b: Point2 = valid(G2.Point.fromAffine({ x: Fp2.fromBigTuple([bxRe, bxIm]), y: Fp2.fromBigTuple([byRe, byIm]) }));
    return { a: valid(G1.Point.fromAffine({ x: ax, y: ay })), b: calcPairingPrecomputes(b), c: valid(G1.Point.fromAffine({ x: cx, y: cy })), signals: publicSignals.map(BigInt) };
  } catch {
    return undefined; // noble throws for points that are none
  }
}

function verifyAll(key: Key, proofs: readonly (Proof | undefined)[]): boolean[] {
  const holds = proofs.map(() => false);
  const wellFormed = [...proofs.keys()].filter((i) => proofs[i] !== undefined);
  const settle = (indices: readonly number[]) => {
    if (indices.length === 0) return;
    if (allHold(key, indices.map((i) => proofs[i]!))) for (const i of indices) holds[i] = true;
    else if (indices.length > 1) {
      const half = indices.length >>> 1;
      settle(indices.slice(0, half));
      settle(indices.slice(half));
    }
  };
  settle(wellFormed);
  return holds;
}

/** The product over i of e(r_i A_i, B_i) is e(sum r_i alpha, beta) e(sum r_i vk(x_i), gamma) e(sum r_i C_i, delta): one equation for all, with random r_i. */
function allHold(key: Key, proofs: readonly Proof[]): boolean {
  const randomizers = proofs.map((_, i) => (i === 0 ? 1n : BigInt(`0x${randomBytes(RANDOMIZER_BYTES).toString('hex')}`) + 1n));
  const weights = key.ic.map((_, j) => proofs.reduce((sum, { signals }, i) => Fr.add(sum, Fr.mul(Fr.create(randomizers[i]!), j === 0 ? 1n : Fr.create(signals[j - 1]!))), 0n));
  const weighted = (points: readonly Point1[], by: readonly bigint[]) => points.reduce((sum, point, i) => (by[i] === 0n ? sum : sum.add(point.multiplyUnsafe(by[i]!))), G1.Point.ZERO);
  const total = weights[0]!;
  const pairs: [Lines, Point1][] = [
    ...proofs.map(({ a, b }, i): [Lines, Point1] => [b, i === 0 ? a : a.multiplyUnsafe(randomizers[i]!)]),
    [key.beta, key.alpha.multiplyUnsafe(total).negate()],
    [key.gamma, weighted(key.ic, weights).negate()],
    [key.delta, weighted(proofs.map(({ c }) => c), randomizers).negate()],
  ];
  const miller = pairs.filter(([, point]) => !point.is0()).map(([lines, point]) => {
    const { x, y } = point.toAffine();
    return [lines, x, y] as [Lines, bigint, bigint];
  });
  return Fp12.eql(Fp12.finalExponentiate(millerLoopBatch(miller)), Fp12.ONE);
}
