import { AtsError } from '#libs/errors';
import { isTopicName, TOPICS, type OutgoingRecord } from '#libs/events';
import { BATCH_OVERHEAD_BYTES, recordBytes } from './records.js';

/** kafkajs sends all records of a partition as one batch, and never settles when a batch of more than 1 MB is refused. */
const MAX_BATCH_BYTES = 900_000;

/** kafkajs groups records in quadratic time. */
const MAX_BATCH_RECORDS = 1000;

/** Largest record batch of a topic, bytes. */
export type BatchLimit = (topic: string) => number;

/** As libs/events defines it for the project's topics, Kafka's default for others. */
export const maxBatchBytes: BatchLimit = (topic) => (isTopicName(topic) ? TOPICS[topic].maxMessageBytes : 1_048_588);

/**
 * The records in sends that the broker takes: in each send, no partition has a batch above its topic's limit. Order within a partition is kept.
 * A topic of which any record has no partition counts as one partition.
 * @throws AtsError ATS_RECORD_TOO_LARGE when a record alone is above its topic's limit
 */
export function inSends(records: readonly OutgoingRecord[], limitOf: BatchLimit = maxBatchBytes): OutgoingRecord[][] {
  const sends: OutgoingRecord[][] = [];
  const byKey = new Set(records.filter(({ partition }) => partition === undefined).map(({ topic }) => topic));
  const fill = new Map<string, { send: number; bytes: number; count: number }>();
  for (const record of records) {
    const limit = Math.min(limitOf(record.topic), MAX_BATCH_BYTES);
    const alone = BATCH_OVERHEAD_BYTES + recordBytes(record, 0);
    if (alone > limit) {
      const key = record.key === null ? 'without a key' : `with key ${record.key.toString('hex').slice(0, 80)}`;
      throw new AtsError('ATS_RECORD_TOO_LARGE', `a record ${key} for ${record.topic} makes a batch of ${alone} bytes, the topic takes ${limit}`);
    }
    const place = byKey.has(record.topic) ? record.topic : `${record.topic}/${record.partition}`;
    const batch = fill.get(place) ?? { send: 0, bytes: BATCH_OVERHEAD_BYTES, count: 0 };
    const size = recordBytes(record, batch.count);
    const full = batch.bytes + size > limit || batch.count === MAX_BATCH_RECORDS;
    const next = full ? { send: batch.send + 1, bytes: alone, count: 1 } : { send: batch.send, bytes: batch.bytes + size, count: batch.count + 1 };
    fill.set(place, next);
    (sends[next.send] ??= []).push(record);
  }
  return sends;
}

/** A send in kafkajs's form. */
export function topicMessages(send: readonly OutgoingRecord[]): { topic: string; messages: OutgoingMessage[] }[] {
  const byTopic = new Map<string, OutgoingMessage[]>();
  for (const record of send) {
    const messages = byTopic.get(record.topic) ?? [];
    byTopic.set(record.topic, messages);
    messages.push(toMessage(record));
  }
  return [...byTopic].map(([topic, messages]) => ({ topic, messages }));
}

export interface OutgoingMessage { key: Buffer | null; value: Buffer; headers: Record<string, Buffer>; partition?: number }

function toMessage({ key, value, headers, partition }: OutgoingRecord): OutgoingMessage {
  return partition === undefined ? { key, value, headers: { ...headers } } : { key, value, headers: { ...headers }, partition };
}
