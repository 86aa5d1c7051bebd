/**
 * Point checks on BN254 (alt_bn128, EIP-197) that a proof needs before any pairing: y^2 = x^3 + 3 over F_q (G1, prime order),
 * y^2 = x^3 + 3 / (9 + i) over F_q^2 (G2, a subgroup of order r). Not constant-time: proofs are public.
 */

/** q, the order of the base field. */
export const BASE_MODULUS = 21888242871839275222246405745257275088696311157297823662689037894645226208583n;

/** a + b i in F_q^2, i^2 = -1. */
export type Fp2 = readonly [re: bigint, im: bigint];
/** Affine points; the point at infinity has no representation here. */
export type G1Point = readonly [x: bigint, y: bigint];
export type G2Point = readonly [x: Fp2, y: Fp2];

const q = BASE_MODULUS;
/** The curve's parameter x: q, r and the trace are polynomials in it. The trace of Frobenius is 6x^2 + 1. */
const CURVE_X = 4965661367192848881n;
const SIX_X_SQUARED = 6n * CURVE_X * CURVE_X;

const mod = (a: bigint) => { const m = a % q; return m < 0n ? m + q : m; };
const add = (a: Fp2, b: Fp2): Fp2 => [mod(a[0] + b[0]), mod(a[1] + b[1])];
const sub = (a: Fp2, b: Fp2): Fp2 => [mod(a[0] - b[0]), mod(a[1] - b[1])];
const mul = (a: Fp2, b: Fp2): Fp2 => [mod(a[0] * b[0] - a[1] * b[1]), mod(a[0] * b[1] + a[1] * b[0])];
const sqr = (a: Fp2): Fp2 => [mod((a[0] + a[1]) * (a[0] - a[1])), mod(2n * a[0] * a[1])];
const times = (a: Fp2, k: bigint): Fp2 => [mod(a[0] * k), mod(a[1] * k)];
const conjugate = (a: Fp2): Fp2 => [a[0], mod(-a[1])];
const isZero = (a: Fp2) => a[0] === 0n && a[1] === 0n;

function power(base: Fp2, exponent: bigint): Fp2 {
  let result: Fp2 = [1n, 0n];
  for (let b = base, e = exponent; e > 0n; e >>= 1n, b = sqr(b)) if (e & 1n) result = mul(result, b);
  return result;
}

/** 3 / (9 + i) = 3 (9 - i) / 82. */
const TWIST_B: Fp2 = times([9n, q - 1n], 3n * power([82n, 0n], q - 2n)[0]);
/** Constants of psi, the q-power Frobenius carried to the twist: (9 + i)^((q - 1) / 3) and ^((q - 1) / 2). */
const PSI_X = power([9n, 1n], (q - 1n) / 3n);
const PSI_Y = power([9n, 1n], (q - 1n) / 2n);

/** On the curve. G1's cofactor is 1, so it is in the group as well. */
export function isOnG1([x, y]: G1Point): boolean {
  return mod(y * y - x * x * x - 3n) === 0n;
}

export function isOnTwist([x, y]: G2Point): boolean {
  return isZero(sub(sqr(y), add(mul(sqr(x), x), TWIST_B)));
}

/**
 * Of order r, for a point on the twist: psi(Q) = [t - 1] Q = [6 x^2] Q. On the twist psi^2 - [t] psi + [q] = 0, so the equation gives
 * [(t - 1)^2 - t (t - 1) + q] Q = [q + 1 - t] Q = [r] Q = O; and psi acts on G2 as multiplication by q = t - 1 (mod r), so it holds there.
 */
export function isInG2Subgroup([x, y]: G2Point): boolean {
  const psiX = mul(conjugate(x), PSI_X);
  const psiY = mul(conjugate(y), PSI_Y);
  const { X, Y, Z } = multiply([x, y], SIX_X_SQUARED);
  if (isZero(Z)) return false;
  const z2 = sqr(Z);
  return isZero(sub(mul(psiX, z2), X)) && isZero(sub(mul(psiY, mul(z2, Z)), Y));
}

/** x = X / Z^2, y = Y / Z^3; Z = 0 is the point at infinity. */
interface Jacobian { X: Fp2; Y: Fp2; Z: Fp2 }

function multiply(point: G2Point, scalar: bigint): Jacobian {
  let result: Jacobian = { X: [1n, 0n], Y: [1n, 0n], Z: [0n, 0n] };
  for (const bit of scalar.toString(2)) {
    result = double(result);
    if (bit === '1') result = addAffine(result, point);
  }
  return result;
}

/** dbl-2009-l of the Explicit-Formulas Database (a = 0); right for infinity too. */
function double({ X, Y, Z }: Jacobian): Jacobian {
  const a = sqr(X);
  const b = sqr(Y);
  const c = sqr(b);
  const d = times(sub(sub(sqr(add(X, b)), a), c), 2n);
  const e = times(a, 3n);
  const x3 = sub(sqr(e), times(d, 2n));
  return { X: x3, Y: sub(mul(e, sub(d, x3)), times(c, 8n)), Z: times(mul(Y, Z), 2n) };
}

/** madd-2007-bl with its exceptional cases: infinity, equal and opposite points. */
function addAffine(p: Jacobian, [x, y]: G2Point): Jacobian {
  if (isZero(p.Z)) return { X: x, Y: y, Z: [1n, 0n] };
  const z2 = sqr(p.Z);
  const h = sub(mul(x, z2), p.X);
  const halfR = sub(mul(y, mul(p.Z, z2)), p.Y);
  if (isZero(h)) return isZero(halfR) ? double(p) : { X: [1n, 0n], Y: [1n, 0n], Z: [0n, 0n] };
  const hh = sqr(h);
  const i = times(hh, 4n);
  const j = mul(h, i);
  const r = times(halfR, 2n);
  const v = mul(p.X, i);
  const x3 = sub(sub(sqr(r), j), times(v, 2n));
  return { X: x3, Y: sub(mul(r, sub(v, x3)), times(mul(p.Y, j), 2n)), Z: sub(sub(sqr(add(p.Z, h)), z2), hh) };
}
