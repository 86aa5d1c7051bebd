import { fieldFromText } from '#libs/events';
import { KIND, READING_LIMIT, readingsDigest, sensorPublicKey, signDigest, verifyDigest, WINDOW_READINGS, type SensorPublicKey, type SensorSignature } from '#libs/proofs';

/** Largest reading: unsigned 32 bits. */
export const MAX_READING = Number(READING_LIMIT - 1n);

/** Sixteen readings of one stream and epoch, in the stream's unit, with the signature of the sensor that took them. */
export interface SignedWindow {
  stream: string;
  epoch: number;
  /** Length of an epoch when the window was taken, seconds: says what time `epoch` stands for. */
  epochSeconds: number;
  readings: readonly number[];
  publicKey: SensorPublicKey;
  signature: SensorSignature;
}

/** H(READINGS, telemetry, 16, stream, epoch, readings...): what the sensor signs. */
export function windowDigest({ stream, epoch, readings }: Pick<SignedWindow, 'stream' | 'epoch' | 'readings'>): bigint {
  return readingsDigest({ kind: KIND.telemetry, stream: fieldFromText(stream), epoch: BigInt(epoch), values: readings.map(BigInt) });
}

/** Signs a window and forgets it. A sensor does so through its journal alone, or it could sign a second one for the same epoch. */
export function signWindow(key: Uint8Array, { stream, epoch, epochSeconds, readings }: Omit<SignedWindow, 'publicKey' | 'signature'>, publicKey = sensorPublicKey(key)): SignedWindow {
  return { stream, epoch, epochSeconds, readings: [...readings], publicKey, signature: signDigest(key, windowDigest({ stream, epoch, readings })) };
}

/** True when the window has the shape the statement wants and its signature holds. */
export function isSignedWindow(window: SignedWindow): boolean {
  return window.readings.length === WINDOW_READINGS && window.readings.every(isReading)
    && Number.isSafeInteger(window.epoch) && window.epoch >= 0
    && verifyDigest(window.publicKey, windowDigest(window), window.signature);
}

/** Unix time in milliseconds at which a window's epoch ends: the time of its event. */
export function windowEnd({ epoch, epochSeconds }: Pick<SignedWindow, 'epoch' | 'epochSeconds'>): number {
  return (epoch + 1) * epochSeconds * 1000;
}

/** A window as JSON text: big integers in decimal. */
export function windowToJson({ publicKey: { Ax, Ay }, signature: { R8x, R8y, S }, ...rest }: SignedWindow): Record<string, unknown> {
  return { ...rest, publicKey: decimals({ Ax, Ay }), signature: decimals({ R8x, R8y, S }) };
}

/** @throws TypeError or SyntaxError when the value is not what {@link windowToJson} makes. The signature is not checked. */
export function windowFromJson(value: unknown): SignedWindow {
  const { stream, epoch, epochSeconds, readings, publicKey, signature } = value as SignedWindow;
  if (typeof stream !== 'string' || !Number.isSafeInteger(epoch) || !Number.isFinite(epochSeconds) || !Array.isArray(readings) || !readings.every(isReading)) {
    throw new TypeError('not a signed window');
  }
  return {
    stream, epoch, epochSeconds, readings,
    publicKey: { Ax: BigInt(publicKey.Ax), Ay: BigInt(publicKey.Ay) },
    signature: { R8x: BigInt(signature.R8x), R8y: BigInt(signature.R8y), S: BigInt(signature.S) },
  };
}

function isReading(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_READING;
}

function decimals<K extends string>(values: Record<K, bigint>): Record<string, string> {
  return Object.fromEntries(Object.entries<bigint>(values).map(([name, value]) => [name, value.toString()]));
}
