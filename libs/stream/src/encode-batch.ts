import type { OutgoingRecord } from '#libs/events';
import { crc32c } from './crc32c.js';
import { BATCH_OVERHEAD_BYTES, bodyBytes, varintBytes } from './records.js';

export interface BatchHead {
  readonly producerId: string;
  readonly producerEpoch: number;
  /** Sequence number of the first record. */
  readonly firstSequence: number;
  /** Of all records, milliseconds since the Unix epoch; a topic with LogAppendTime has its own. */
  readonly timestamp: number;
}

/** Offset, length, leader epoch, magic and checksum come before what the checksum is over. */
const CHECKED_FROM = 21;
const LENGTH_FROM = 12;
const MAGIC = 2;
const TRANSACTIONAL = 1 << 4;

/**
 * A record batch of one transaction (format v2, https://kafka.apache.org/documentation/#recordbatch), uncompressed, written into one buffer. kafkajs's encoder makes
 * some twenty buffers a record, and was a quarter of all that the gate allocates.
 */
export function encodeBatch(records: readonly OutgoingRecord[], { producerId, producerEpoch, firstSequence, timestamp }: BatchHead): Buffer {
  const bodies = records.map(bodyBytes);
  const bytes = Buffer.allocUnsafe(bodies.reduce((sum, body) => sum + varintBytes(body) + body, BATCH_OVERHEAD_BYTES));
  const time = BigInt(timestamp);
  bytes.writeBigInt64BE(0n, 0);
  bytes.writeInt32BE(bytes.length - LENGTH_FROM, 8);
  bytes.writeInt32BE(0, 12);
  bytes.writeInt8(MAGIC, 16);
  bytes.writeInt16BE(TRANSACTIONAL, CHECKED_FROM);
  bytes.writeInt32BE(records.length - 1, 23);
  bytes.writeBigInt64BE(time, 27);
  bytes.writeBigInt64BE(time, 35);
  bytes.writeBigInt64BE(BigInt(producerId), 43);
  bytes.writeInt16BE(producerEpoch, 51);
  bytes.writeInt32BE(firstSequence, 53);
  bytes.writeInt32BE(records.length, 57);
  let at = BATCH_OVERHEAD_BYTES;
  records.forEach((record, index) => { at = putRecord(bytes, at, record, index, bodies[index]!); });
  bytes.writeUInt32BE(crc32c(bytes, CHECKED_FROM, bytes.length), 17);
  return bytes;
}

function putRecord(bytes: Buffer, from: number, { key, value, headers }: OutgoingRecord, index: number, body: number): number {
  let at = putVarint(bytes, from, body);
  bytes[at++] = 0; // attributes
  bytes[at++] = 0; // all are of the batch's time
  at = putVarint(bytes, at, index);
  at = putPart(bytes, putPart(bytes, at, key), value);
  const names = Object.keys(headers);
  at = putVarint(bytes, at, names.length);
  for (const name of names) {
    at = putVarint(bytes, at, Buffer.byteLength(name));
    at += bytes.write(name, at);
    at = putPart(bytes, at, headers[name]!);
  }
  return at;
}

function putPart(bytes: Buffer, from: number, part: Buffer | null): number {
  if (part === null) return putVarint(bytes, from, -1);
  const at = putVarint(bytes, from, part.length);
  bytes.set(part, at);
  return at + part.length;
}

/** As zigzag varint: -1 or a number from 0 to 2^30. */
function putVarint(bytes: Buffer, from: number, value: number): number {
  let at = from;
  let rest = value < 0 ? 1 : value * 2;
  for (; rest >= 0x80; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
  bytes[at++] = rest;
  return at;
}
