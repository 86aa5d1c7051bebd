import { AtsError } from '#libs/errors';
import type { OutgoingRecord } from '#libs/events';
import { inSends, type BatchLimit } from './chunks.js';
import type { KafkaClient } from './client.js';
import { requireSettled } from './hanging/guard.js';
import type { LogReader } from './log-reader.js';
import { within } from './time.js';
import { TransactionalProducer, type PartitionBatch } from './transactional-producer.js';
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
  const producer = new TransactionalProducer({ kafka, transactionalId, timeoutMs: TRANSACTION_TIMEOUT_MS, unbroken });
  const close = () => {
    unbroken.close();
    producer.close();
  };
  try {
    await within(INIT_DEADLINE_MS, `init of ${transactionalId}`, producer.init().then(() => unbroken.guard()).then(settle));
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
      // A look for leaders may itself end a connection: to a broker that is about to go.
      while (unbroken.broken) {
        await unbroken.mend(settle);
        await producer.forget();
      }
      await unbroken.during(async () => {
        const [first = [], ...more] = inRounds(inSends(await producer.place(output), limitOf).map(toBatch));
        await producer.begin(first);
        // One after the other in the broker, if it leads both; no answer is waited for in between.
        await Promise.all([producer.moveOffset(groupId, { topic, partition, next }), producer.write(first)]);
        for (const batches of more) await producer.write(batches);
        await producer.commit();
      });
    },
  };
}

function toBatch(send: readonly OutgoingRecord[]): PartitionBatch {
  const { topic, partition } = send[0]!;
  return { topic, partition: partition!, records: send };
}

/** Each partition's batches in order, one a round. */
function inRounds(batches: readonly PartitionBatch[]): PartitionBatch[][] {
  const rounds: PartitionBatch[][] = [];
  for (const of of Map.groupBy(batches, ({ topic, partition }) => `${topic}/${partition}`).values()) of.forEach((batch, n) => (rounds[n] ??= []).push(batch));
  return rounds;
}
