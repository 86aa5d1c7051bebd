import { createHash } from 'node:crypto';
import { bn254 } from '@noble/curves/bn254.js';
import { FIELD_MODULUS } from '#libs/events';
import { BASE_MODULUS, type VerificationKey } from '#libs/proofs';
import { addAffine, inverse, timesG1, toAffine, type Affine, type Jacobian } from './g1-comb.js';

/** What nobody may know of a real key. Scalars below r; alpha, beta and gamma are the same for all circuits of a seed, as those of one ceremony. */
export interface CircuitTrapdoor {
  readonly alpha: bigint;
  readonly beta: bigint;
  readonly gamma: bigint;
  readonly delta: bigint;
  /** IC_i = [ic_i / gamma]. */
  readonly ic: readonly bigint[];
}

export type Trapdoor = Readonly<Record<string, CircuitTrapdoor>>;

const r = FIELD_MODULUS;
const q = BASE_MODULUS;
const mod = (a: bigint, m = q) => { const rest = a % m; return rest < 0n ? rest + m : rest; };

/** A scalar that seed and name alone decide, not 0. */
export function scalarOf(seed: string, name: string): bigint {
  const wide = createHash('sha512').update(JSON.stringify([seed, name])).digest('hex');
  return (BigInt(`0x${wide}`) % (r - 1n)) + 1n;
}

export function drawTrapdoor(seed: string, circuits: readonly { id: string; publicSignals: number }[]): Trapdoor {
  const [alpha, beta, gamma] = ['alpha', 'beta', 'gamma'].map((name) => scalarOf(seed, name)) as [bigint, bigint, bigint];
  return Object.fromEntries(circuits.map(({ id, publicSignals }) => [id, {
    alpha, beta, gamma, delta: scalarOf(seed, `delta ${id}`), ic: Array.from({ length: publicSignals + 1 }, (_, i) => scalarOf(seed, `ic ${i} ${id}`)),
  }]));
}

/** The key as snarkjs exports it. */
export function verificationKeyOf({ alpha, beta, gamma, delta, ic }: CircuitTrapdoor): VerificationKey {
  const perGamma = inverse(gamma, r);
  const [alphaText, ...icTexts] = toAffine([alpha, ...ic.map((x) => mod(x * perGamma, r))].map(timesG1)).map(([x, y]) => [`${x}`, `${y}`, '1']);
  return { protocol: 'groth16', curve: 'bn128', nPublic: ic.length - 1, vk_alpha_1: alphaText!, vk_beta_2: g2Text(beta), vk_gamma_2: g2Text(gamma), vk_delta_2: g2Text(delta), IC: icTexts };
}

function g2Text(k: bigint): string[][] {
  const { x, y } = bn254.G2.Point.BASE.multiply(k).toAffine();
  return [[`${x.c0}`, `${x.c1}`], [`${y.c0}`, `${y.c1}`], ['1', '0']];
}

/** Small multiples of a point of each group, with their scalars: one of the first and one of the second kind add up to 65,536 points, each one addition. */
interface Pool {
  readonly scalars: readonly (readonly [bigint, bigint])[];
  readonly g1: readonly (readonly [Affine, Affine])[];
  readonly g2: readonly (readonly [AffineG2, AffineG2])[];
}
type Fp2 = readonly [re: bigint, im: bigint];
type AffineG2 = readonly [x: Fp2, y: Fp2];

const POOL = 256;
let pool: Pool | undefined;

function makePool(): Pool {
  const first = Array.from({ length: POOL }, (_, i) => scalarOf('pool', 'first') + BigInt(i));
  const second = Array.from({ length: POOL }, (_, i) => scalarOf('pool', 'second') + BigInt(i) * 65_537n);
  const g1 = toAffine([...first, ...second].map((k) => timesG1(k % r)));
  const g2 = [steps(first[0]!, 1n), steps(second[0]!, 65_537n)];
  return {
    scalars: first.map((k, i) => [k, second[i]!]),
    g1: first.map((_, i) => [g1[i]!, g1[POOL + i]!]),
    g2: first.map((_, i) => [g2[0]![i]!, g2[1]![i]!]),
  };
}

function steps(from: bigint, step: bigint): AffineG2[] {
  const { Point } = bn254.G2;
  const by = Point.BASE.multiply(step);
  const points = [Point.BASE.multiply(from)];
  while (points.length < POOL) points.push(points.at(-1)!.add(by));
  return points.map((point) => {
    const { x, y } = point.toAffine();
    return [[x.c0, x.c1], [y.c0, y.c1]];
  });
}

/**
 * A proof of any public signals, by Groth16's simulator: a and b drawn, c = (a b - alpha beta - sum x_i ic_i) / delta. 256 bytes as encodeProof writes
 * them. It passes the equation that real proofs pass, at the same cost: A, B and C are other points in each. The same signals give the same proof.
 * Some 0.3 ms. @throws RangeError for a circuit without trapdoor or another number of signals
 */
export function simulateProof(trapdoor: Trapdoor, circuit: string, publicSignals: readonly bigint[]): Buffer {
  const secrets = trapdoor[circuit];
  if (secrets === undefined || publicSignals.length !== secrets.ic.length - 1) throw new RangeError(`${circuit} has no trapdoor for ${publicSignals.length} signals`);
  pool ??= makePool();
  const draw = createHash('sha256').update(circuit).update(publicSignals.join()).digest();
  const [a0, a1, b0, b1] = [draw[0]!, draw[1]!, draw[2]!, draw[3]!];
  const a = pool.scalars[a0]![0] + pool.scalars[a1]![1];
  const b = pool.scalars[b0]![0] + pool.scalars[b1]![1];
  const sum = publicSignals.reduce((total, signal, i) => total + signal * secrets.ic[i + 1]!, secrets.ic[0]!);
  const c = mod(mod(a * b - secrets.alpha * secrets.beta - sum, r) * deltaInverse(secrets), r);

  const A = addAffine(jacobian(pool.g1[a0]![0]), pool.g1[a1]![1]);
  const [affineA, affineC] = toAffine([A, timesG1(c)]) as [Affine, Affine];
  const [[xRe, xIm], [yRe, yIm]] = addG2(pool.g2[b0]![0], pool.g2[b1]![1]);
  return Buffer.from([...affineA, xIm, xRe, yIm, yRe, ...affineC].map((word) => word.toString(16).padStart(64, '0')).join(''), 'hex');
}

const inverses = new WeakMap<CircuitTrapdoor, bigint>();

function deltaInverse(secrets: CircuitTrapdoor): bigint {
  const known = inverses.get(secrets) ?? inverse(secrets.delta, r);
  inverses.set(secrets, known);
  return known;
}

function jacobian([X, Y]: Affine): Jacobian {
  return { X, Y, Z: 1n };
}

/** The chord. @throws RangeError for points with one x */
function addG2([px, py]: AffineG2, [rx, ry]: AffineG2): AffineG2 {
  const slope = times(minus(ry, py), inverseFp2(minus(rx, px)));
  const x = minus(minus(times(slope, slope), px), rx);
  return [x, minus(times(slope, minus(px, x)), py)];
}

function minus(a: Fp2, b: Fp2): Fp2 {
  return [mod(a[0] - b[0]), mod(a[1] - b[1])];
}

function times(a: Fp2, b: Fp2): Fp2 {
  return [mod(a[0] * b[0] - a[1] * b[1]), mod(a[0] * b[1] + a[1] * b[0])];
}

function inverseFp2([re, im]: Fp2): Fp2 {
  const norm = inverse(re * re + im * im);
  return [mod(re * norm), mod(-im * norm)];
}
