import { AtsError } from '#libs/errors';
import type { KafkaRecord } from '#libs/events';

const NULL_LENGTH = 0xffffffff;
/** Length, offset, timestamp. */
const FIXED_BYTES = 4 + 8 + 8;

/**
 * A record as its file holds it, big-endian: u32 length of what follows, i64 offset, i64 timestamp (milliseconds), key, value, u32 count of headers,
 * then name and value of each in arrival order. Key, value, names and values are a u32 length and the bytes; null is the length 0xffffffff alone.
 */
export function encodeRecord({ offset, timestamp, key, value, headers }: KafkaRecord): Buffer {
  const named = headers.map(([name, content]) => [Buffer.from(name, 'utf8'), content] as const);
  const size = FIXED_BYTES + sizeOf(key) + sizeOf(value) + 4 + named.reduce((sum, [name, content]) => sum + sizeOf(name) + sizeOf(content), 0);
  const frame = Buffer.allocUnsafe(size);
  frame.writeUInt32BE(size - 4, 0);
  frame.writeBigInt64BE(offset, 4);
  frame.writeBigInt64BE(BigInt(timestamp), 12);
  let at = put(frame, put(frame, FIXED_BYTES, key), value);
  at = frame.writeUInt32BE(named.length, at);
  for (const [name, content] of named) at = put(frame, put(frame, at, name), content);
  return frame;
}

export function frameOffset(frame: Buffer): bigint {
  return frame.length < FIXED_BYTES ? -1n : frame.readBigInt64BE(4);
}

/** @throws AtsError ATS_ARCHIVE_DAMAGED when the frame's parts do not fill it exactly. */
export function decodeRecord(topic: string, partition: number, frame: Buffer): KafkaRecord {
  try {
    const offset = frame.readBigInt64BE(4);
    const timestamp = Number(frame.readBigInt64BE(12));
    let at = FIXED_BYTES;
    const take = (): Buffer | null => {
      const length = frame.readUInt32BE(at);
      at += 4;
      if (length === NULL_LENGTH) return null;
      if (at + length > frame.length) throw new RangeError('a part ends behind the frame');
      return frame.subarray(at, (at += length));
    };
    const key = take();
    const value = take();
    const count = frame.readUInt32BE(at);
    at += 4;
    const headers: [string, Buffer | null][] = [];
    for (let i = 0; i < count; i++) headers.push([take()!.toString('utf8'), take()]);
    if (at !== frame.length) throw new RangeError('bytes are left over');
    return { topic, partition, offset, timestamp, key, value, headers };
  } catch (cause) {
    throw new AtsError('ATS_ARCHIVE_DAMAGED', `a record of ${topic}[${partition}]: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

function sizeOf(part: Buffer | null): number {
  return 4 + (part?.length ?? 0);
}

function put(frame: Buffer, at: number, part: Buffer | null): number {
  const next = frame.writeUInt32BE(part === null ? NULL_LENGTH : part.length, at);
  return part === null ? next : next + part.copy(frame, next);
}
