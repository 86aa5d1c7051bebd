import { hash } from 'node:crypto';
import { AtsError } from '#libs/errors';
import type { KafkaRecord, RecordHeaders } from './record.js';

/** Bytes of the proof, the last field of every event that carries one. */
export const PROOF_BYTES = 256;

/** Headers that the message hash binds, in its order. `traceparent` changes on the way and is not among them. */
export const MESSAGE_HASH_HEADERS = ['ce_specversion', 'ce_id', 'ce_source', 'ce_type', 'ce_subject', 'ce_time', 'content-type'] as const;

const NULL_LENGTH = 0xffffffff;
const LENGTH_BYTES = 4;

/** The parts of the record being hashed; grows to the largest one. */
let parts = Buffer.alloc(4096);

/** Header names come again and again. Bounded: whoever writes can invent as many as they like. */
const names = new Map<string, Buffer>();
const MOST_NAMES = 64;

/**
 * Hash of a record as the audit log holds it, 32 bytes: SHA-256 over key, value, the 4-byte count of headers, then name and value of each
 * header sorted by the name's UTF-8 bytes, arrival order kept within a name. Each part is its 4-byte big-endian length and its bytes;
 * null is the length 0xffffffff alone.
 */
export function recordHash({ key, value, headers }: Pick<KafkaRecord, 'key' | 'value' | 'headers'>): Buffer {
  const named = headers.map(([name, content]) => ({ name: nameBytes(name), content }));
  if (named.length > 1) named.sort((a, b) => Buffer.compare(a.name, b.name));
  let bytes = sizeOf(key) + sizeOf(value) + LENGTH_BYTES;
  for (const { name, content } of named) bytes += sizeOf(name) + sizeOf(content);
  // One buffer and one call of the hash: an auditor does this for every record there ever was.
  if (parts.length < bytes) parts = Buffer.alloc(2 * bytes);
  let at = putPart(putPart(0, key), value);
  at = parts.writeUInt32BE(named.length, at);
  for (const { name, content } of named) at = putPart(putPart(at, name), content);
  return hash('sha256', parts.subarray(0, at), 'buffer');
}

/**
 * The number that binds a proof to its message: SHA-256 over topic, key, the value with its last {@link PROOF_BYTES} bytes zeroed, and the values of
 * {@link MESSAGE_HASH_HEADERS}, each header as the 4-byte count of its values and then the values; length-prefixed as in {@link recordHash}, the top
 * 3 bits cleared. The counts keep a second value of one header from passing for the value of the next.
 * @throws AtsError ATS_EVENT_MALFORMED when the value is too short to end in a proof
 */
export function messageHash(topic: string, key: Buffer | null, value: Buffer, headers: RecordHeaders): bigint {
  if (value.length < PROOF_BYTES) throw new AtsError('ATS_EVENT_MALFORMED', `${value.length} bytes can't end in a proof of ${PROOF_BYTES} bytes`);
  const entries = Array.isArray(headers) ? (headers as KafkaRecord['headers']) : Object.entries(headers);
  const name = nameBytes(topic);
  let bytes = sizeOf(name) + sizeOf(key) + sizeOf(value) + MESSAGE_HASH_HEADERS.length * LENGTH_BYTES;
  for (const [header, content] of entries) if (isBound(header)) bytes += sizeOf(content);
  if (parts.length < bytes) parts = Buffer.alloc(2 * bytes);
  let at = putPart(putPart(putPart(0, name), key), value);
  parts.fill(0, at - PROOF_BYTES, at);
  for (const bound of MESSAGE_HASH_HEADERS) {
    const countAt = at;
    at += LENGTH_BYTES;
    let count = 0;
    for (const [header, content] of entries) {
      if (header !== bound) continue;
      count++;
      at = putPart(at, content);
    }
    parts.writeUInt32BE(count, countAt);
  }
  const digest = hash('sha256', parts.subarray(0, at), 'buffer');
  digest[0]! &= 0x1f;
  return BigInt(`0x${digest.toString('hex')}`);
}

function isBound(header: string): boolean {
  return (MESSAGE_HASH_HEADERS as readonly string[]).includes(header);
}

/** Partition of a key, as Kafka's default partitioner chooses it: murmur2, sign bit cleared, mod the count. */
export function partitionOf(key: Buffer, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/** MurmurHash2, 32 bits, signed, with Kafka's seed (org.apache.kafka.common.utils.Utils.murmur2). */
export function murmur2(data: Buffer): number {
  const m = 0x5bd1e995;
  let h = 0x9747b28c ^ data.length;
  const tail = data.length & ~3;
  for (let i = 0; i < tail; i += 4) {
    let k = Math.imul(data.readInt32LE(i), m);
    k = Math.imul(k ^ (k >>> 24), m);
    h = Math.imul(h, m) ^ k;
  }
  if (data.length > tail) h = Math.imul(h ^ data.readUIntLE(tail, data.length - tail), m);
  h = Math.imul(h ^ (h >>> 13), m);
  return h ^ (h >>> 15);
}

function nameBytes(name: string): Buffer {
  const known = names.get(name);
  if (known !== undefined) return known;
  const bytes = Buffer.from(name, 'utf8');
  if (names.size < MOST_NAMES) names.set(name, bytes);
  return bytes;
}

function sizeOf(part: Uint8Array | null): number {
  return LENGTH_BYTES + (part?.length ?? 0);
}

function putPart(at: number, part: Uint8Array | null): number {
  const start = parts.writeUInt32BE(part === null ? NULL_LENGTH : part.length, at);
  if (part !== null) parts.set(part, start);
  return start + (part?.length ?? 0);
}
