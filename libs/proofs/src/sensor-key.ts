import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { inCurve, mulPointEscalar, subOrder, type Point } from '@zk-kit/baby-jubjub';
import { FIELD_MODULUS } from '#libs/events';

// The package's ES module does not load in Node: it asks blakejs, which is CommonJS, for names that Node's lexer can't see there.
const { derivePublicKey, signMessage, verifySignature } = createRequire(import.meta.url)('@zk-kit/eddsa-poseidon') as typeof import('@zk-kit/eddsa-poseidon');

/** Order of Baby Jubjub's prime subgroup (EIP-2494). */
export const SUBGROUP_ORDER = subOrder;

/** A sensor's public key: a point of Baby Jubjub's prime subgroup. */
export interface SensorPublicKey { Ax: bigint; Ay: bigint }

/** EdDSA over Baby Jubjub with Poseidon, as circomlib's EdDSAPoseidonVerifier checks it: S * B8 = R8 + H(R8, A, digest) * 8A. */
export interface SensorSignature { R8x: bigint; R8y: bigint; S: bigint }

/** A fresh sensor key: 32 random bytes, from which BLAKE-512 derives scalar and nonces (RFC 8032's construction, as circomlibjs does it). */
export function generateSensorKey(): Buffer {
  return randomBytes(32);
}

export function sensorPublicKey(sensorKey: Uint8Array): SensorPublicKey {
  const [Ax, Ay] = derivePublicKey(requireKey(sensorKey));
  return { Ax, Ay };
}

/** Signs a field element. Deterministic: one key and digest give one signature. Not constant-time: run it where only its owner measures. */
export function signDigest(sensorKey: Uint8Array, digest: bigint): SensorSignature {
  if (!isField(digest)) throw new RangeError(`digest ${digest} is not in [0, r)`);
  const { R8, S } = signMessage(requireKey(sensorKey), digest);
  return { R8x: R8[0], R8y: R8[1], S };
}

/** True when the signature holds for a valid key; false for anything else, malformed input included. */
export function verifyDigest(publicKey: SensorPublicKey, digest: bigint, { R8x, R8y, S }: SensorSignature): boolean {
  const { Ax, Ay } = publicKey;
  if (![Ax, Ay, R8x, R8y, digest].every(isField) || S < 0n || S >= SUBGROUP_ORDER) return false;
  return isSensorPublicKey(publicKey) && verifySignature(digest, { R8: [R8x, R8y], S }, [Ax, Ay]);
}

/** On the curve, of prime order, and not the identity: what the registrar vouches for, and the circuit relies on. */
export function isSensorPublicKey({ Ax, Ay }: SensorPublicKey): boolean {
  if (!isField(Ax) || !isField(Ay)) return false;
  const point: Point<bigint> = [Ax, Ay];
  if (!inCurve(point) || Ax === 0n) return false;
  const [x, y] = mulPointEscalar(point, SUBGROUP_ORDER);
  return x === 0n && y === 1n;
}

function isField(value: bigint): boolean {
  return value >= 0n && value < FIELD_MODULUS;
}

function requireKey(sensorKey: Uint8Array): Buffer {
  if (sensorKey.length !== 32) throw new RangeError(`a sensor key has 32 bytes, not ${sensorKey.length}`);
  return Buffer.from(sensorKey);
}
