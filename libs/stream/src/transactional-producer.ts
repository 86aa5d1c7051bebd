import type { OutgoingRecord } from '#libs/events';
import { clusterSession, type ClusterSession } from './cluster-session.js';
import type { KafkaClient } from './client.js';
import { encodeBatch } from './encode-batch.js';
import { origin } from './failures.js';
import type { Broker, TransactionIdentity } from './kafkajs.js';
import { choosePartition } from './partitioner.js';
import { rawProduce } from './raw-produce.js';
import type { Place } from './tenure.js';
import { backoff, pause } from './time.js';
import type { Unbroken } from './unbroken.js';

/** What a coordinator coordinates (FindCoordinator). */
const GROUP = 0;
const TRANSACTION = 1;

/** Records of one partition, no more than it takes as one batch. */
export interface PartitionBatch extends Place { readonly records: readonly OutgoingRecord[] }

/** A record with the partition that it goes to. */
export type PlacedRecord = OutgoingRecord & { partition: number };

export interface TransactionalProducerParameters {
  kafka: KafkaClient;
  transactionalId: string;
  /** After so many milliseconds the broker aborts a transaction that was not ended. */
  timeoutMs: number;
  unbroken: Unbroken;
}

/**
 * One transactional id on the wire: a transaction is four steps and, where one broker leads all, five requests. kafkajs's own producer looks for a coordinator
 * before each request, adds partitions one by one, and waits for every answer in turn: twelve.
 * Sequence numbers go on from transaction to transaction: one at a time, and after an error it is to be closed.
 */
export class TransactionalProducer {
  readonly #session: ClusterSession;
  /** Of coordinators, by type and id. */
  readonly #nodes = new Map<string, string>();
  /** By partition: of the next record. */
  readonly #sequences = new Map<string, number>();
  #identity: TransactionIdentity | undefined;

  constructor(private readonly parameters: TransactionalProducerParameters) {
    const { kafka, transactionalId, unbroken } = parameters;
    this.#session = clusterSession(kafka, transactionalId, { unbroken });
  }

  /** Fences every earlier producer of the id, and has the coordinator end what it left open (InitProducerId). */
  async init(): Promise<void> {
    const { transactionalId, timeoutMs } = this.parameters;
    await this.#session.connect();
    const { producerId, producerEpoch } = await this.#coordinated(TRANSACTION, transactionalId, (coordinator) => coordinator.initProducerId({ transactionalId, transactionTimeout: timeoutMs }));
    this.#identity = { transactionalId, producerId, producerEpoch };
  }

  /** The records with the partitions that they go to. */
  async place(records: readonly OutgoingRecord[]): Promise<PlacedRecord[]> {
    const { cluster } = this.#session;
    const topics = [...new Set(records.map(({ topic }) => topic))];
    await cluster.addMultipleTargetTopics(topics);
    const counts = new Map(topics.map((topic) => [topic, cluster.findTopicPartitionMetadata(topic).length]));
    return records.map((record) => (hasPartition(record) ? record : { ...record, partition: choosePartition(record.key, counts.get(record.topic)!) }));
  }

  /** Begins a transaction that will write to these partitions (AddPartitionsToTxn): a coordinator must know of each before its first record is written. */
  async begin(places: readonly Place[]): Promise<void> {
    const topics = [...Map.groupBy(places, ({ topic }) => topic)].map(([topic, of]) => ({ topic, partitions: [...new Set(of.map(({ partition }) => partition))] }));
    if (topics.length > 0) await this.#transacted((coordinator, identity) => coordinator.addPartitionsToTxn({ ...identity, topics }));
  }

  /** Writes batches, of which no two are of one partition. */
  async write(batches: readonly PartitionBatch[]): Promise<void> {
    const timestamp = Date.now();
    const encoded = batches.map(({ topic, partition, records }) => {
      const batch = encodeBatch(records, { ...this.#identity!, firstSequence: this.#sequences.get(nameOf({ topic, partition })) ?? 0, timestamp });
      return { topic, partition, batch };
    });
    // What comes again under its sequence numbers is written once, so all are sent again whichever of them failed.
    await this.#retried(async () => {
      const { transactionalId } = this.parameters;
      await Promise.all((await this.#byLeader(encoded)).map(([leader, of]) => rawProduce(leader, { transactionalId, topics: [...Map.groupBy(of, ({ topic }) => topic)] })));
    });
    for (const batch of batches) this.#sequences.set(nameOf(batch), following(this.#sequences.get(nameOf(batch)) ?? 0, batch.records.length));
  }

  /** Moves a group's offset with the transaction (AddOffsetsToTxn, TxnOffsetCommit). */
  async moveOffset(groupId: string, { topic, partition, next }: Place & { next: bigint }): Promise<void> {
    await this.#transacted((coordinator, identity) => coordinator.addOffsetsToTxn({ ...identity, groupId }));
    const topics = [{ topic, partitions: [{ partition, offset: next.toString() }] }];
    await this.#coordinated(GROUP, groupId, (coordinator) => coordinator.txnOffsetCommit({ ...this.#identity!, groupId, topics }));
  }

  /** Ends the transaction. A coordinator that has taken its commit already says so once more; what any other error means, the next init tells. */
  async commit(): Promise<void> {
    await this.#transacted((coordinator, identity) => coordinator.endTxn({ ...identity, transactionResult: true }));
  }

  /** Looks for coordinators and leaders anew: they have moved, or connections have ended. */
  async forget(): Promise<void> {
    this.#nodes.clear();
    await this.#session.cluster.refreshMetadata();
  }

  /** Once {@link Unbroken.close} was called. Returns at once. */
  close(): void {
    void this.#session.disconnect().catch(() => undefined); // whatever it still waits for, its successor's init decides
  }

  async #transacted(request: (coordinator: Broker, identity: TransactionIdentity) => Promise<unknown>): Promise<void> {
    await this.#coordinated(TRANSACTION, this.parameters.transactionalId, (coordinator) => request(coordinator, this.#identity!));
  }

  async #coordinated<T>(type: number, id: string, request: (coordinator: Broker) => Promise<T>): Promise<T> {
    return await this.#retried(async () => await request(await this.#coordinator(type, id)));
  }

  /** Requests that come to nothing, and may come to something soon: coordinators and leaders move, and end one transaction after its commit was acknowledged. */
  async #retried<T>(request: () => Promise<T>): Promise<T> {
    for (let attempt = 0, moved = false; ; attempt++) {
      try {
        if (moved) await this.forget();
        return await request();
      } catch (error) {
        const { name, type, retriable } = origin(error);
        if (name !== 'KafkaJSProtocolError' || retriable !== true || this.parameters.unbroken.closed) throw error;
        moved = type !== 'CONCURRENT_TRANSACTIONS';
        await pause(backoff(attempt, 5, 200));
      }
    }
  }

  async #coordinator(type: number, id: string): Promise<Broker> {
    const { cluster } = this.#session;
    const name = `${type}/${id}`;
    const nodeId = this.#nodes.get(name);
    if (nodeId !== undefined) return await cluster.findBroker({ nodeId });
    const coordinator = await cluster.findGroupCoordinator({ groupId: id, coordinatorType: type });
    this.#nodes.set(name, String(coordinator.nodeId));
    return coordinator;
  }

  async #byLeader<T extends Place>(batches: readonly T[]): Promise<[Broker, T[]][]> {
    const { cluster } = this.#session;
    await cluster.refreshMetadataIfNecessary();
    const byNode = Map.groupBy(batches, ({ topic, partition }) => Object.keys(cluster.findLeaderForPartitions(topic, [partition]))[0]!);
    return await Promise.all([...byNode].map(async ([nodeId, of]): Promise<[Broker, T[]]> => [await cluster.findBroker({ nodeId }), of]));
  }
}

/** The sequence number after so many records: from 2^31 - 1 it goes on at 0. kafkajs goes to 0 from wherever it is, which brokers refuse. */
export function following(sequence: number, records: number): number {
  return (sequence + records) & 0x7fff_ffff;
}

function hasPartition(record: OutgoingRecord): record is PlacedRecord {
  return record.partition !== undefined;
}

function nameOf({ topic, partition }: Place): string {
  return `${topic}/${partition}`;
}
