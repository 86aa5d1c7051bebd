import { gunzipSync } from 'node:zlib';
import { AtsError } from '#libs/errors';
import { crc32c } from './crc32c.js';

/** Values of committed records in offset order, as slices of the bytes that came: millions are read without an object a record. */
export interface ValueBlock {
  readonly bytes: Buffer;
  readonly count: number;
  readonly offsets: readonly number[];
  /** Where each value begins and ends in the bytes; both are -1 where the record has none. */
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

/** A partition of a fetch response at read_committed, its batches still in bytes. */
export interface RawPartition {
  readonly highWatermark: bigint;
  readonly lastStable: bigint;
  /** Transactions that were aborted, as far as these batches reach. */
  readonly aborted: readonly { readonly producerId: bigint; readonly firstOffset: bigint }[];
  readonly batches: Buffer;
}

/** Record batch format v2: offset, length; then what the length counts. */
const BATCH_PREFIX_BYTES = 12;
const BATCH_HEADER_BYTES = 61;
const MAGIC = 2;
const CODEC = 0x07;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
const GZIP = 1;
/** Type of a control record that ends an aborted transaction. */
const ABORT_MARKER = 0;

/**
 * The values of [from, to) in a partition's batches, and where to read on. The end of the bytes may cut a batch short; it comes again with the next fetch.
 * @throws AtsError ATS_LOG_UNREADABLE when a batch's checksum does not hold, or its format is another
 */
export function valuesOf(partition: RawPartition, from: bigint, to: bigint): { blocks: ValueBlock[]; next: bigint } {
  const { batches } = partition;
  const starting = [...partition.aborted].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  const aborting = new Set<bigint>();
  const blocks: ValueBlock[] = [];
  let block = newBlock(batches);
  let next = from;
  for (let at = 0; at + BATCH_HEADER_BYTES <= batches.length;) {
    const base = batches.readBigInt64BE(at);
    const end = at + BATCH_PREFIX_BYTES + batches.readInt32BE(at + 8);
    if (end > batches.length) break;
    if (end < at + BATCH_HEADER_BYTES || batches[at + 16] !== MAGIC) throw unreadable(base, `no batch of format ${MAGIC}`);
    if (crc32c(batches, at + 21, end) !== batches.readUInt32BE(at + 17)) throw unreadable(base, 'the checksum does not hold');
    const attributes = batches.readInt16BE(at + 21);
    const last = base + BigInt(batches.readInt32BE(at + 23));
    const producerId = batches.readBigInt64BE(at + 43);
    const count = batches.readInt32BE(at + 57);
    while (starting.length > 0 && starting[0]!.firstOffset <= last) aborting.add(starting.shift()!.producerId);
    const records = at + BATCH_HEADER_BYTES;
    if (attributes & CONTROL) {
      if (isAbort(batches, records, base)) aborting.delete(producerId);
    } else if (!(attributes & TRANSACTIONAL) || !aborting.has(producerId)) {
      const codec = attributes & CODEC;
      if (codec === 0) {
        readRecords(block, records, end, count, Number(base), Number(from), Number(to));
      } else {
        if (codec !== GZIP) throw unreadable(base, `packed with codec ${codec}, which is not read here`);
        if (block.count > 0) blocks.push(block);
        const unpacked = newBlock(unpack(batches.subarray(records, end), base));
        readRecords(unpacked, 0, unpacked.bytes.length, count, Number(base), Number(from), Number(to));
        blocks.push(unpacked);
        block = newBlock(batches);
      }
    }
    if (last >= next) next = last + 1n;
    at = end;
  }
  if (block.count > 0) blocks.push(block);
  return { blocks, next };
}

interface OpenBlock { bytes: Buffer; count: number; offsets: number[]; starts: number[]; ends: number[] }

function newBlock(bytes: Buffer): OpenBlock {
  return { bytes, count: 0, offsets: [], starts: [], ends: [] };
}

function unpack(packed: Buffer, base: bigint): Buffer {
  try {
    return gunzipSync(packed);
  } catch (error) {
    throw unreadable(base, `not what it was packed as: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Record: length, attributes, timestamp delta, offset delta, key, value, headers; numbers are zigzag varints, and a length of -1 is null. */
function readRecords(block: OpenBlock, start: number, end: number, count: number, base: number, from: number, to: number): void {
  const cursor = new Cursor(block.bytes, start, end, base);
  for (let n = 0; n < count; n++) {
    const length = cursor.number();
    const stop = cursor.at + length;
    if (length < 0 || stop > end) throw unreadable(BigInt(base), 'a record ends outside its batch');
    cursor.skip(1);
    cursor.number();
    const offset = base + cursor.number();
    cursor.skip(Math.max(0, cursor.number()));
    const bytes = cursor.number();
    const at = cursor.at;
    cursor.skip(Math.max(0, bytes));
    if (cursor.at > stop) throw unreadable(BigInt(base), 'a value ends outside its record');
    cursor.at = stop;
    if (offset < from || offset >= to) continue;
    block.offsets.push(offset);
    block.starts.push(bytes < 0 ? -1 : at);
    block.ends.push(bytes < 0 ? -1 : at + bytes);
    block.count++;
  }
}

/** The type is the second 16-bit number of a control record's key. */
function isAbort(batches: Buffer, records: number, base: bigint): boolean {
  const cursor = new Cursor(batches, records, batches.length, Number(base));
  cursor.number();
  cursor.skip(1);
  cursor.number();
  cursor.number();
  if (cursor.number() < 4) throw unreadable(base, 'a transaction marker without a type');
  return batches.readInt16BE(cursor.at + 2) === ABORT_MARKER;
}

class Cursor {
  constructor(private readonly bytes: Buffer, public at: number, private readonly end: number, private readonly base: number) {}

  /** A zigzag varint. Beyond 53 bits it is not exact, which only a timestamp could be. */
  number(): number {
    let zigzag = 0;
    for (let factor = 1; ; factor *= 128) {
      if (this.at >= this.end) throw unreadable(BigInt(this.base), 'a record is cut short');
      const byte = this.bytes[this.at++]!;
      zigzag += (byte & 0x7f) * factor;
      if (byte < 0x80) return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
    }
  }

  skip(count: number): void {
    this.at += count;
  }
}

function unreadable(offset: bigint, why: string): AtsError {
  return new AtsError('ATS_LOG_UNREADABLE', `the batch at offset ${offset}: ${why}`);
}
