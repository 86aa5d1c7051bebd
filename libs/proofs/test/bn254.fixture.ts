import { randomBytes } from 'node:crypto';
import { BASE_MODULUS, isInG2Subgroup, type Fp2, type G2Point } from '../src/bn254.js';

const q = BASE_MODULUS;
const mod = (a: bigint) => ((a % q) + q) % q;
const mul = (a: Fp2, b: Fp2): Fp2 => [mod(a[0] * b[0] - a[1] * b[1]), mod(a[0] * b[1] + a[1] * b[0])];

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let b = mod(base), e = exponent; e > 0n; e >>= 1n, b = (b * b) % q) if (e & 1n) result = (result * b) % q;
  return result;
}

/** q = 3 (mod 4). */
function sqrt(a: bigint): bigint | undefined {
  const root = power(a, (q + 1n) / 4n);
  return mod(root * root) === mod(a) ? root : undefined;
}

/** By the norm: (x + y i)^2 = a + b i with x^2 = (a +- |a + b i|) / 2, y = b / 2x. */
function sqrtFp2([a, b]: Fp2): Fp2 | undefined {
  const norm = sqrt(a * a + b * b);
  if (norm === undefined) return undefined;
  const half = power(2n, q - 2n);
  const x = sqrt((a + norm) * half) ?? sqrt((a - norm) * half);
  if (x === undefined || x === 0n) return undefined;
  const root: Fp2 = [x, mod(b * half * power(x, q - 2n))];
  const [re, im] = mul(root, root);
  return re === mod(a) && im === mod(b) ? root : undefined;
}

/** A point of y^2 = x^3 + 3 / (9 + i); of the q + t - 1 times as many points as G2 has. */
export function randomTwistPoint(): G2Point {
  const inverse82 = power(82n, q - 2n);
  const b: Fp2 = [mod(27n * inverse82), mod(-3n * inverse82)];
  for (;;) {
    const x: Fp2 = [mod(BigInt(`0x${randomBytes(40).toString('hex')}`)), mod(BigInt(`0x${randomBytes(40).toString('hex')}`))];
    const [re, im] = mul(mul(x, x), x);
    const y = sqrtFp2([mod(re + b[0]), mod(im + b[1])]);
    if (y !== undefined) return [x, y];
  }
}

export function pointOutsideG2(): G2Point {
  for (;;) {
    const point = randomTwistPoint();
    if (!isInG2Subgroup(point)) return point;
  }
}
