import type { OutgoingRecord } from '#libs/events';
import { inSends, maxBatchBytes, topicMessages, type BatchLimit } from './chunks.js';
import type { KafkaClient } from './client.js';
import { lasting } from './failures.js';
import type { Producer } from './kafkajs.js';
import { createPartitioner } from './partitioner.js';
import { within } from './time.js';

export interface EventProducerParameters {
  /** How long one batch may take before the producer is given up, milliseconds. Default 30 s. */
  deadlineMs?: number;
  /** For a graceful stop: a second after its abort, what is not acknowledged fails. It may have reached the log all the same. */
  signal?: AbortSignal | undefined;
  /** Largest record batch of a topic. Default: as libs/events defines the project's topics. */
  limitOf?: BatchLimit;
}

/** Where a record came to lie. */
export interface SentRecord {
  topic: string;
  partition: number;
  offset: bigint;
}

/**
 * Writes records outside transactions: idempotent, acknowledged by all in-sync replicas, in the order of the calls. Connects when first used.
 * A producer that failed is replaced, so the next send starts afresh; since a failed send may have reached the log all the same,
 * whoever sends again delivers at least once.
 */
export class EventProducer {
  #producer: Promise<Producer> | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  readonly #deadlineMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #limitOf: BatchLimit;

  constructor(private readonly kafka: KafkaClient, { deadlineMs = 30_000, signal, limitOf = maxBatchBytes }: EventProducerParameters = {}) {
    this.#signal = signal;
    this.#deadlineMs = deadlineMs;
    this.#limitOf = limitOf;
  }

  /**
   * Sends the records and returns their places in the same order. A record without a partition goes to murmur2(key) mod N; without a key too, to a random one.
   * @throws AtsError ATS_RECORD_TOO_LARGE before anything is sent, ATS_BROKER_UNREACHABLE, ATS_TOPIC_MISSING
   */
  async send(records: readonly OutgoingRecord[]): Promise<SentRecord[]> {
    const sends = inSends(records, this.#limitOf);
    const turn = this.#tail.then(async () => {
      const places = new Map<OutgoingRecord, SentRecord>();
      for (const send of sends) await this.#sendOne(send, places);
      return records.map((record) => places.get(record)!);
    });
    this.#tail = turn.catch(() => undefined);
    return await turn;
  }

  /** Waits for sends under way and disconnects. */
  async close(): Promise<void> {
    await this.#tail;
    const producer = this.#producer;
    this.#producer = undefined;
    await (await producer)?.disconnect();
  }

  async #sendOne(send: OutgoingRecord[], places: Map<OutgoingRecord, SentRecord>): Promise<void> {
    try {
      const producer = await within(this.#deadlineMs, 'connecting', (this.#producer ??= this.#connect()), this.#signal);
      const batches = topicMessages(send);
      const answers = await within(this.#deadlineMs, 'sending', producer.sendBatch({ acks: -1, topicMessages: batches }), this.#signal);
      const next = new Map(answers.map(({ topicName, partition, baseOffset }) => [`${topicName}/${partition}`, BigInt(baseOffset!)]));
      const partitions = new Map(batches.map(({ topic, messages }) => [topic, messages.map((message) => message.partition!).values()]));
      for (const record of send) {
        const partition = partitions.get(record.topic)!.next().value!;
        const offset = next.get(`${record.topic}/${partition}`)!;
        next.set(`${record.topic}/${partition}`, offset + 1n);
        places.set(record, { topic: record.topic, partition, offset });
      }
    } catch (error) {
      this.#replace();
      throw lasting(this.kafka.brokers, `${send.length} records for ${[...new Set(send.map(({ topic }) => topic))].join(', ')}`, error);
    }
  }

  async #connect(): Promise<Producer> {
    const producer = this.kafka.watched(this.kafka.role('producer').producer({
      idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false, createPartitioner,
    }));
    await producer.connect();
    return producer;
  }

  #replace(): void {
    const producer = this.#producer;
    this.#producer = undefined;
    // It failed already; how it comes down changes nothing.
    void producer?.then((failed) => failed.disconnect()).catch(() => undefined);
  }
}
