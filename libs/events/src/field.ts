import { AtsError } from '#libs/errors';

/** r: the order of BN254's scalar field, in which every statement computes. */
export const FIELD_MODULUS = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;

/** Bytes of one field element on the wire. */
export const FIELD_BYTES = 32;

/**
 * The field element that stands for a text: its UTF-8 bytes, big-endian.
 * One text has one element, so the text must not be empty nor begin with NUL, and has at most 31 bytes.
 * @throws AtsError ATS_FIELD_NOT_CANONICAL
 */
export function fieldFromText(text: string): bigint {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length === 0 || bytes.length >= FIELD_BYTES || bytes[0] === 0 || bytes.toString('utf8') !== text) {
    throw new AtsError('ATS_FIELD_NOT_CANONICAL', `${JSON.stringify(text)} has ${bytes.length} bytes`, {
      todo: 'Use a text of 1 to 31 UTF-8 bytes that does not begin with NUL.',
    });
  }
  return bigEndian(bytes);
}

/**
 * The 32 bytes of a field element, big-endian.
 * @throws AtsError ATS_FIELD_NOT_CANONICAL when x is negative or not below {@link FIELD_MODULUS}
 */
export function fieldToBytes(x: bigint): Buffer {
  assertCanonical(x);
  return Buffer.from(x.toString(16).padStart(2 * FIELD_BYTES, '0'), 'hex');
}

/**
 * The field element in 32 big-endian bytes. n and n + r would be two names of one element, so only the smaller is taken.
 * @throws AtsError ATS_FIELD_NOT_CANONICAL when there are not 32 bytes or the number is not below {@link FIELD_MODULUS}
 */
export function fieldFromBytes(bytes: Uint8Array): bigint {
  if (bytes.length !== FIELD_BYTES) throw new AtsError('ATS_FIELD_NOT_CANONICAL', `${bytes.length} bytes were given`);
  const x = bigEndian(bytes);
  assertCanonical(x);
  return x;
}

const MODULUS_BYTES = Buffer.from(FIELD_MODULUS.toString(16).padStart(2 * FIELD_BYTES, '0'), 'hex');

/** True when {@link fieldFromBytes} would take the bytes. */
export function isFieldBytes(bytes: Uint8Array): boolean {
  return bytes.length === FIELD_BYTES && Buffer.compare(bytes, MODULUS_BYTES) < 0;
}

function assertCanonical(x: bigint): void {
  if (x < 0n || x >= FIELD_MODULUS) throw new AtsError('ATS_FIELD_NOT_CANONICAL', `${x} was given`);
}

function bigEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`);
}
