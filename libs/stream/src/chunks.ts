import { AtsError } from '#libs/errors';
import { isTopicName, partitionOf, TOPICS, type OutgoingRecord } from '#libs/events';
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
 * The records in sends that the broker takes: each of one partition, and no larger than its topic's limit. Order within a partition is kept.
 *
 * Of one partition, since kafkajs repeats a send by broker and not by partition: of several with several leaders, where one fails or moves to another broker, those
 * that were taken are written again under new sequence numbers, or those that were not are never written at all, and the send succeeds. For one partition there is
 * one leader at a time, which knows the sequence number of what it has. Records without a partition are told apart by the key and the partition count of libs/events; those
 * of another topic, and those without a key, are together.
 * @throws AtsError ATS_RECORD_TOO_LARGE when a record alone is above its topic's limit
 */
export function inSends(records: readonly OutgoingRecord[], limitOf: BatchLimit = maxBatchBytes): OutgoingRecord[][] {
  const sends: OutgoingRecord[][] = [];
  const open = new Map<string, { send: OutgoingRecord[]; bytes: number }>();
  for (const record of records) {
    const limit = Math.min(limitOf(record.topic), MAX_BATCH_BYTES);
    const alone = BATCH_OVERHEAD_BYTES + recordBytes(record, 0);
    if (alone > limit) {
      const key = record.key === null ? 'without a key' : `with key ${record.key.toString('hex').slice(0, 80)}`;
      throw new AtsError('ATS_RECORD_TOO_LARGE', `a record ${key} for ${record.topic} makes a batch of ${alone} bytes, the topic takes ${limit}`);
    }
    const place = `${record.topic}/${partitionFor(record) ?? ''}`;
    const batch = open.get(place);
    const size = batch === undefined ? alone : recordBytes(record, batch.send.length);
    if (batch === undefined || batch.bytes + size > limit || batch.send.length === MAX_BATCH_RECORDS) {
      const send = [record];
      sends.push(send);
      open.set(place, { send, bytes: alone });
    } else {
      batch.send.push(record);
      batch.bytes += size;
    }
  }
  return sends;
}

/** Where the partitioner will put it, as far as that is known. */
function partitionFor({ topic, key, partition }: OutgoingRecord): number | undefined {
  return partition ?? (key !== null && isTopicName(topic) ? partitionOf(key, TOPICS[topic].partitions) : undefined);
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
