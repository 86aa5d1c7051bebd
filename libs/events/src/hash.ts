import { createHash, type Hash } from 'node:crypto';
import { AtsError } from '#libs/errors';
import type { KafkaRecord, RecordHeaders } from './record.js';

/** Bytes of the proof, the last field of every event that carries one. */
export const PROOF_BYTES = 256;

/** Headers that the message hash binds, in its order. `traceparent` changes on the way and is not among them. */
export const MESSAGE_HASH_HEADERS = ['ce_specversion', 'ce_id', 'ce_source', 'ce_type', 'ce_subject', 'ce_time', 'content-type'] as const;

const NULL_LENGTH = 0xffffffff;

/**
 * Hash of a record as the audit log holds it, 32 bytes: SHA-256 over key, value, the 4-byte count of headers, then name and value of each
 * header sorted by the name's UTF-8 bytes, arrival order kept within a name. Each part is its 4-byte big-endian length and its bytes;
 * null is the length 0xffffffff alone.
 */
export function recordHash(record: Pick<KafkaRecord, 'key' | 'value' | 'headers'>): Buffer {
  const hash = createHash('sha256');
  addPart(hash, record.key);
  addPart(hash, record.value);
  addLength(hash, record.headers.length);
  const headers = record.headers.map(([name, value]) => ({ name: Buffer.from(name, 'utf8'), value }));
  headers.sort((a, b) => Buffer.compare(a.name, b.name));
  for (const { name, value } of headers) {
    addPart(hash, name);
    addPart(hash, value);
  }
  return hash.digest();
}

/**
 * The number that binds a proof to its message: SHA-256 over topic, key, the value with its last {@link PROOF_BYTES} bytes zeroed, and the values of
 * {@link MESSAGE_HASH_HEADERS}, each header as the 4-byte count of its values and then the values; length-prefixed as in {@link recordHash}, the top
 * 3 bits cleared. The counts keep a second value of one header from passing for the value of the next.
 * @throws AtsError ATS_EVENT_MALFORMED when the value is too short to end in a proof
 */
export function messageHash(topic: string, key: Buffer | null, value: Buffer, headers: RecordHeaders): bigint {
  if (value.length < PROOF_BYTES) throw new AtsError('ATS_EVENT_MALFORMED', `${value.length} bytes can't end in a proof of ${PROOF_BYTES} bytes`);
  const hash = createHash('sha256');
  addPart(hash, Buffer.from(topic, 'utf8'));
  addPart(hash, key);
  addLength(hash, value.length);
  hash.update(value.subarray(0, -PROOF_BYTES));
  hash.update(Buffer.alloc(PROOF_BYTES));
  const entries = Array.isArray(headers) ? (headers as KafkaRecord['headers']) : Object.entries(headers);
  for (const bound of MESSAGE_HASH_HEADERS) {
    const values = entries.filter(([name]) => name === bound).map(([, content]) => content);
    addLength(hash, values.length);
    for (const content of values) addPart(hash, content);
  }
  const digest = hash.digest();
  digest[0]! &= 0x1f;
  return BigInt(`0x${digest.toString('hex')}`);
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

function addPart(hash: Hash, part: Uint8Array | null): void {
  if (part === null) return addLength(hash, NULL_LENGTH);
  addLength(hash, part.length);
  hash.update(part);
}

function addLength(hash: Hash, length: number): void {
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(length);
  hash.update(prefix);
}
