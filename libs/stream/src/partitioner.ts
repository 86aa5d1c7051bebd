import { randomInt } from 'node:crypto';
import { partitionOf } from '#libs/events';

interface Partitioned { message: { key?: unknown; partition?: number }; partitionMetadata: readonly unknown[] }

/**
 * Chooses murmur2(key) mod N, as Java's clients do, for a message without a partition, and a random partition for one without a key too. kafkajs asks once for
 * each message and attempt; the choice is kept on the message, since a retry must repeat it and the sender wants to know it.
 */
export const createPartitioner = () => ({ message, partitionMetadata: { length } }: Partitioned): number =>
  (message.partition ??= choosePartition(message.key, length));

/** Of so many, for a record that names none. */
export function choosePartition(key: unknown, partitions: number): number {
  return key instanceof Buffer ? partitionOf(key, partitions) : randomInt(partitions);
}
