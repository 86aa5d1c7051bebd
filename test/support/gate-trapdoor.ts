import { createHash, randomBytes } from 'node:crypto';
import { FIELD_MODULUS } from '#libs/events';
import { BASE_MODULUS, encodeProof, type SnarkjsProof, type VerificationKey } from '#libs/proofs';

/**
 * Proofs without a prover: for a throwaway verification key whose secrets are known, a proof of any public signals is a few multiplications
 * (Groth16's simulator). The proofs pass the same equation as real ones; what keeps such keys out of production is that the parameter set names
 * keys by hash.
 */
export class Trapdoor {
  readonly #alpha = scalar();
  readonly #beta = scalar();
  readonly #gamma = scalar();
  readonly #delta = scalar();
  readonly #ic: bigint[];
  readonly #b = scalar();
  readonly #B = g2Times(this.#b);
  /** The bytes of verification-key.json. */
  readonly keyFile: Buffer;
  readonly keyHash: string;

  constructor(publicSignals: number) {
    this.#ic = Array.from({ length: publicSignals + 1 }, scalar);
    const key: VerificationKey = {
      protocol: 'groth16', curve: 'bn128', nPublic: publicSignals,
      vk_alpha_1: g1Text(g1Times(this.#alpha)),
      vk_beta_2: g2Text(g2Times(this.#beta)),
      vk_gamma_2: g2Text(g2Times(this.#gamma)),
      vk_delta_2: g2Text(g2Times(this.#delta)),
      IC: this.#ic.map((ic) => g1Text(g1Times(divide(ic, this.#gamma)))),
    };
    this.keyFile = Buffer.from(JSON.stringify(key));
    this.keyHash = createHash('sha256').update(this.keyFile).digest('hex');
  }

  /** 256 bytes that hold for these signals: c = (ab - alpha beta - sum x_i ic_i) / delta. */
  prove(publicSignals: readonly bigint[]): Buffer {
    const a = scalar();
    const sum = publicSignals.reduce((total, signal, i) => total + signal * this.#ic[i + 1]!, this.#ic[0]!);
    const c = divide(a * this.#b - this.#alpha * this.#beta - sum, this.#delta);
    const [pi_a, pi_b, pi_c] = [g1Text(g1Times(a)), g2Text(this.#B), g1Text(g1Times(c))];
    return encodeProof({ pi_a, pi_b, pi_c } as Pick<SnarkjsProof, 'pi_a' | 'pi_b' | 'pi_c'>);
  }
}

export type Fp2 = readonly [bigint, bigint];
/** Affine; null is infinity. */
export type Point<F> = readonly [F, F] | null;

const q = BASE_MODULUS;
const mod = (x: bigint, m = q) => ((x % m) + m) % m;
const scalar = () => mod(BigInt(`0x${randomBytes(40).toString('hex')}`), FIELD_MODULUS);
const divide = (x: bigint, y: bigint) => mod(x * inverse(mod(y, FIELD_MODULUS), FIELD_MODULUS), FIELD_MODULUS);

/** Extended Euclid. */
function inverse(x: bigint, m: bigint): bigint {
  let [a, b, s, t] = [x, m, 1n, 0n];
  while (b > 0n) [a, b, s, t] = [b, a % b, t, s - (a / b) * t];
  return mod(s, m);
}

interface Field<F> { add(a: F, b: F): F; sub(a: F, b: F): F; mul(a: F, b: F): F; inv(a: F): F; equal(a: F, b: F): boolean }

export const fp: Field<bigint> = { add: (a, b) => mod(a + b), sub: (a, b) => mod(a - b), mul: (a, b) => mod(a * b), inv: (a) => inverse(a, q), equal: (a, b) => a === b };
export const fp2: Field<Fp2> = {
  add: (a, b) => [mod(a[0] + b[0]), mod(a[1] + b[1])],
  sub: (a, b) => [mod(a[0] - b[0]), mod(a[1] - b[1])],
  mul: (a, b) => [mod(a[0] * b[0] - a[1] * b[1]), mod(a[0] * b[1] + a[1] * b[0])],
  inv: (a) => { const n = inverse(mod(a[0] * a[0] + a[1] * a[1]), q); return [mod(a[0] * n), mod(-a[1] * n)]; },
  equal: (a, b) => a[0] === b[0] && a[1] === b[1],
};

/** Chord and tangent, in affine coordinates; y^2 = x^3 + b. */
export function plus<F>(f: Field<F>, p: Point<F>, r: Point<F>): Point<F> {
  if (p === null) return r;
  if (r === null) return p;
  const same = f.equal(p[0], r[0]);
  if (same && !f.equal(p[1], r[1])) return null;
  const xx = f.mul(p[0], p[0]);
  const slope = same ? f.mul(f.add(xx, f.add(xx, xx)), f.inv(f.add(p[1], p[1]))) : f.mul(f.sub(r[1], p[1]), f.inv(f.sub(r[0], p[0])));
  const x = f.sub(f.sub(f.mul(slope, slope), p[0]), r[0]);
  return [x, f.sub(f.mul(slope, f.sub(p[0], x)), p[1])];
}

/** Multiples of a fixed point, from its powers of two. */
function multiplier<F>(f: Field<F>, generator: Point<F>): (k: bigint) => readonly [F, F] {
  const powers = [generator];
  while (powers.length < 254) powers.push(plus(f, powers.at(-1)!, powers.at(-1)!));
  return (k) => {
    const sum = powers.reduce<Point<F>>((total, power, i) => ((k >> BigInt(i)) & 1n ? plus(f, total, power) : total), null);
    if (sum === null) throw new RangeError('the point at infinity');
    return sum;
  };
}

export const g1Times = multiplier(fp, [1n, 2n]);
/** The generator of G2 that EIP-197 fixes. */
const g2Times = multiplier(fp2, [
  [10857046999023057135944570762232829481370756359578518086990519993285655852781n, 11559732032986387107991004021392285783925812861821192530917403151452391805634n],
  [8495653923123431417604973247489272438418190587263600148770280649306958101930n, 4082367875863433681332203403145435568316851327593401208105741076214120093531n],
]);

function g1Text([x, y]: readonly [bigint, bigint]): [string, string, string] {
  return [`${x}`, `${y}`, '1'];
}

function g2Text([x, y]: readonly [Fp2, Fp2]): [string, string][] {
  return [[`${x[0]}`, `${x[1]}`], [`${y[0]}`, `${y[1]}`], ['1', '0']];
}
