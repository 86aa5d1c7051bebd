import { AtsError } from '#libs/errors';
import type { OutgoingRecord } from '#libs/events';
import { inSends, topicMessages, type BatchLimit } from './chunks.js';
import type { KafkaClient } from './client.js';
import { origin } from './failures.js';
import { requireSettled } from './hanging/guard.js';
import type { Producer, Transaction } from './kafkajs.js';
import type { LogReader } from './log-reader.js';
import { createPartitioner } from './partitioner.js';
import { pause, within } from './time.js';
import { Unbroken } from './unbroken.js';

/** An open transaction holds back every reader of its topics: the broker aborts what takes longer. */
const TRANSACTION_TIMEOUT_MS = 2000;

/** Fencing may wait for the broker to settle the predecessor's transaction. */
const INIT_DEADLINE_MS = 20_000;

/** The one producer of a transactional id, until a later one with the same id fences it. After any error it must be closed and another opened. */
export interface Transactor {
  /** The group's committed offset, or the earliest record when it has none. */
  committed(reader: LogReader, topic: string, partition: number): Promise<bigint>;
  /** Writes the output and moves the group's offset to `next`, in one transaction. */
  commit(output: readonly OutgoingRecord[], source: { topic: string; partition: number; next: bigint }): Promise<void>;
  /** Returns at once. */
  close(): void;
}

export interface OpenTransactorParameters {
  kafka: KafkaClient;
  groupId: string;
  transactionalId: string;
  limitOf: BatchLimit;
}

/**
 * Fences every earlier producer of the id and settles what it left open (InitProducerId). After this, the group's committed offset is final.
 * A broker that is killed may forget the marker of a decided transaction, also of one whose commit it has acknowledged. The next transaction of the same id would
 * end it as it ends itself. So none is begun, now or after a connection has ended, before it is known that nothing was left open; and none is gone on with.
 * @throws AtsError ATS_TRANSACTION_HANGING, here and from `commit`
 */
export async function openTransactor({ kafka, groupId, transactionalId, limitOf }: OpenTransactorParameters): Promise<Transactor> {
  const unbroken = new Unbroken();
  const settle = () => requireSettled(kafka, transactionalId);
  const producer = kafka.watched(kafka.role(transactionalId, { unbroken }).producer({
    transactionalId, transactionTimeout: TRANSACTION_TIMEOUT_MS, maxInFlightRequests: 1, allowAutoTopicCreation: false, createPartitioner,
  }));
  const close = () => {
    unbroken.close();
    // Whatever it still waits for, its successor's init decides.
    void producer.disconnect().catch(() => undefined);
  };
  try {
    await within(INIT_DEADLINE_MS, `init of ${transactionalId}`, init(producer).then(() => unbroken.guard()).then(settle));
  } catch (error) {
    close();
    throw error;
  }
  return {
    close,
    async committed(reader, topic, partition) {
      const offset = await reader.committed(groupId, topic, partition);
      const end = await reader.highWatermark(topic, partition);
      if (offset !== null && offset > end) throw new AtsError('ATS_LOG_UNREADABLE', `group ${groupId} has committed ${offset} in ${topic}[${partition}], which ends at ${end}`);
      return offset ?? (await reader.earliest(topic, partition));
    },
    async commit(output, { topic, partition, next }) {
      const sends = inSends(output, limitOf);
      if (unbroken.broken) await unbroken.mend(settle);
      await unbroken.during(async () => {
        const transaction = await producer.transaction();
        // Records first: kafkajs retries CONCURRENT_TRANSACTIONS when it sends records, but not in the first step of sendOffsets.
        for (const send of sends) await transaction.sendBatch({ acks: -1, topicMessages: topicMessages(send) });
        await sendOffsets(transaction, { consumerGroupId: groupId, topics: [{ topic, partitions: [{ partition, offset: next.toString() }] }] });
        await transaction.commit();
      });
    },
  };
}

/** kafkajs initializes a transactional id with its first transaction, not when it connects. */
async function init(producer: Producer): Promise<void> {
  await producer.connect();
  await (await producer.transaction()).abort();
}

/** Without output, the offsets come first after the last commit, whose markers may still be on their way. */
async function sendOffsets(transaction: Transaction, offsets: Parameters<Transaction['sendOffsets']>[0]): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await transaction.sendOffsets(offsets);
      return;
    } catch (error) {
      if (origin(error).type !== 'CONCURRENT_TRANSACTIONS' || attempt === 50) throw error;
      await pause(20);
    }
  }
}
