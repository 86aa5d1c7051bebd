import { BASE_MODULUS } from '#libs/proofs';

/** Multiples of G1's generator for throwaway proofs. Not constant-time: nothing here is secret. */

const q = BASE_MODULUS;
const WINDOW_BITS = 8;
const WINDOWS = 32;
const DIGITS = (1 << WINDOW_BITS) - 1;

export type Affine = readonly [x: bigint, y: bigint];

/** x = X / Z^2, y = Y / Z^3. */
export interface Jacobian { X: bigint; Y: bigint; Z: bigint }

const mod = (a: bigint) => { const m = a % q; return m < 0n ? m + q : m; };

/** Inverse modulo a prime, by Euclid. @throws RangeError for 0: the point would be infinity */
export function inverse(x: bigint, modulus = q): bigint {
  let [a, b, s, t] = [x % modulus, modulus, 1n, 0n];
  if (a < 0n) a += modulus;
  if (a === 0n) throw new RangeError('0 has no inverse');
  while (b > 0n) [a, b, s, t] = [b, a % b, t, s - (a / b) * t];
  return s % modulus < 0n ? (s % modulus) + modulus : s % modulus;
}

/** madd-2007-bl of the Explicit-Formulas Database. @throws RangeError for equal or opposite points, which random multiples meet with negligible chance */
export function addAffine({ X, Y, Z }: Jacobian, [x, y]: Affine): Jacobian {
  const zz = mod(Z * Z);
  const h = mod(x * zz - X);
  if (h === 0n) throw new RangeError('equal or opposite points');
  const hh = mod(h * h);
  const i = 4n * hh;
  const j = mod(h * i);
  const r = 2n * (y * mod(Z * zz) - Y);
  const v = mod(X * i);
  const x3 = mod(r * r - j - 2n * v);
  return { X: x3, Y: mod(r * (v - x3) - 2n * Y * j), Z: mod((Z + h) * (Z + h) - zz - hh) };
}

/** Doubles by chord and tangent. */
function double([x, y]: Affine): Affine {
  const slope = mod(3n * x * x * inverse(2n * y));
  const x3 = mod(slope * slope - 2n * x);
  return [x3, mod(slope * (x - x3) - y)];
}

/** All affine, with one inversion (Montgomery's trick). */
export function toAffine(points: readonly Jacobian[]): Affine[] {
  const products: bigint[] = [];
  let product = 1n;
  for (const { Z } of points) {
    products.push(product);
    product = mod(product * Z);
  }
  let rest = inverse(product);
  const affine: Affine[] = Array(points.length);
  for (let i = points.length - 1; i >= 0; i--) {
    const { X, Y, Z } = points[i]!;
    const z = mod(rest * products[i]!);
    const zz = mod(z * z);
    affine[i] = [mod(X * zz), mod(Y * mod(zz * z))];
    rest = mod(rest * Z);
  }
  return affine;
}

/** `[digit 256^window] G` at `window * 255 + digit - 1`: 8,160 points, made at the first use in some 50 ms. */
let comb: readonly Affine[] | undefined;

function makeComb(): readonly Affine[] {
  const table: Affine[] = [];
  let base: Affine = [1n, 2n];
  for (let window = 0; window < WINDOWS; window++) {
    const twice = double(base);
    const multiples: Jacobian[] = [{ X: base[0], Y: base[1], Z: 1n }, { X: twice[0], Y: twice[1], Z: 1n }];
    while (multiples.length < DIGITS) multiples.push(addAffine(multiples.at(-1)!, base));
    const affine = toAffine(multiples);
    table.push(...affine);
    const [x, y] = affine.at(-1)!;
    [base] = toAffine([addAffine({ X: x, Y: y, Z: 1n }, base)]) as [Affine];
  }
  return table;
}

/** [k] G for 0 < k < r. At most 31 additions. */
export function timesG1(k: bigint): Jacobian {
  comb ??= makeComb();
  let sum: Jacobian | undefined;
  const bytes = Buffer.from(k.toString(16).padStart(2 * WINDOWS, '0'), 'hex');
  for (let window = 0; window < WINDOWS; window++) {
    const digit = bytes[WINDOWS - 1 - window]!;
    if (digit === 0) continue;
    const point = comb[window * DIGITS + digit - 1]!;
    sum = sum === undefined ? { X: point[0], Y: point[1], Z: 1n } : addAffine(sum, point);
  }
  if (sum === undefined) throw new RangeError('the point at infinity');
  return sum;
}
