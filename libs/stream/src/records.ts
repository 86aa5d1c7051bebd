import type { KafkaRecord, OutgoingRecord } from '#libs/events';
import type { FetchedMessage } from './hide-aborted.js';
import type { DecodedHeader } from './kafkajs.js';

/** A record as kafkajs decoded it, in the project's form. */
export function toKafkaRecord(topic: string, partition: number, message: FetchedMessage): KafkaRecord {
  return {
    topic,
    partition,
    offset: BigInt(message.offset),
    timestamp: Number(message.timestamp),
    key: message.key,
    value: message.value,
    headers: (message.headers as DecodedHeader[]).map(({ key, value }) => [key, value] as const),
  };
}

/** Bytes of a record batch without its records (record batch format v2, magic 2). */
export const BATCH_OVERHEAD_BYTES = 61;

/** Exact bytes of a record on the wire, as the n-th of its batch, all of one timestamp (record format v2: zigzag varint lengths). */
export function recordBytes({ key, value, headers }: OutgoingRecord, index: number): number {
  const entries = Object.entries(headers);
  let body = 1 + 1 + varint(index) + bytes(key) + bytes(value) + varint(entries.length);
  for (const [name, content] of entries) body += bytes(Buffer.from(name, 'utf8')) + bytes(content);
  return varint(body) + body;
}

function bytes(part: Buffer | null): number {
  return part === null ? 1 : varint(part.length) + part.length;
}

/** Bytes of a non-negative number as a zigzag varint. */
function varint(n: number): number {
  let length = 1;
  for (let rest = n * 2; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
  return length;
}
