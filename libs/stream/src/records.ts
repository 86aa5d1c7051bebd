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
export function recordBytes(record: OutgoingRecord, index: number): number {
  const body = bodyBytes(record, index);
  return varintBytes(body) + body;
}

/** The same without the length in front. */
export function bodyBytes({ key, value, headers }: OutgoingRecord, index: number): number {
  const names = Object.keys(headers);
  let body = 1 + 1 + varintBytes(index) + partBytes(key) + partBytes(value) + varintBytes(names.length);
  for (const name of names) {
    const length = Buffer.byteLength(name);
    body += varintBytes(length) + length + partBytes(headers[name]!);
  }
  return body;
}

function partBytes(part: Buffer | null): number {
  return part === null ? 1 : varintBytes(part.length) + part.length;
}

/** Bytes of a non-negative number as a zigzag varint. */
export function varintBytes(n: number): number {
  let length = 1;
  for (let rest = n * 2; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
  return length;
}
