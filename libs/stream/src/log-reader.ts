import { AtsError } from '#libs/errors';
import type { KafkaRecord } from '#libs/events';
import type { KafkaClient } from './client.js';
import { LogSession, type Persistence } from './log-session.js';
import { valuesOf, type ValueBlock } from './value-block.js';

const END = -1;
const START = -2;

/** How long one fetch waits for a record. */
const LONG_POLL_MS = 500;

/** A fetch that finds the log's readable end asks again after this. */
const SHORT_POLL_MS = 100;

/** Most that one fetch of {@link LogReader.readValues} takes. */
const VALUES_BYTES = 4 << 20;

export interface LogReaderParameters {
  /** How long a request is retried, and how long a read waits for a transaction that holds it back. Default 10 s. */
  patienceMs?: number;
  /** Ends every request: what was asked fails within a second, for a graceful stop. */
  signal?: AbortSignal | undefined;
}

/**
 * Reads any partition from any offset without a group, at read_committed: records of aborted transactions and transaction markers are never seen.
 * Connects when first used. All but {@link follow} throw AtsError ATS_BROKER_UNREACHABLE when no broker answers in the reader's patience, and ATS_TOPIC_MISSING.
 */
export class LogReader {
  readonly #session: LogSession;
  readonly #persistence: Persistence;

  constructor(private readonly kafka: KafkaClient, { patienceMs = 10_000, signal }: LogReaderParameters = {}) {
    this.#session = new LogSession(kafka, 'reader');
    this.#persistence = { patienceMs, ...(signal && { signal }) };
  }

  /** How many partitions the topic has now. */
  async partitions(topic: string): Promise<number> {
    return await this.#session.partitions(topic, this.#persistence);
  }

  /** Offset of the oldest record; the end's offset when there is none. */
  async earliest(topic: string, partition: number): Promise<bigint> {
    return (await this.#session.offset(topic, partition, START, 'high watermark', this.#persistence))!;
  }

  /** Offset after the newest record of any transaction, open ones too. Whoever rebuilds state must read up to here. */
  async highWatermark(topic: string, partition: number): Promise<bigint> {
    return (await this.#session.offset(topic, partition, END, 'high watermark', this.#persistence))!;
  }

  /** Where read_committed ends now. It stays below {@link highWatermark} for as long as a transaction is open. */
  async lastStable(topic: string, partition: number): Promise<bigint> {
    return (await this.#session.offset(topic, partition, END, 'last stable', this.#persistence))!;
  }

  /** Offset of the first record with a broker timestamp at or after the given one (milliseconds); null when none is that new. */
  async offsetAt(topic: string, partition: number, timestampMs: number): Promise<bigint | null> {
    return (await this.#session.offset(topic, partition, timestampMs, 'high watermark', this.#persistence)) ?? null;
  }

  /**
   * The group's committed offset, null when it has none. It says nothing of transactions under way: settle them first (init their producer).
   * @throws AtsError ATS_LOG_UNREADABLE when a client has reset it to a symbolic offset
   */
  async committed(groupId: string, topic: string, partition: number): Promise<bigint | null> {
    const offset = await this.#session.committed(groupId, topic, partition, this.#persistence);
    if (offset < -1n) throw new AtsError('ATS_LOG_UNREADABLE', `group ${groupId} was reset to ${offset} in ${topic}[${partition}]`);
    return offset === -1n ? null : offset;
  }

  /**
   * Every committed record in [from, to).
   * @throws AtsError ATS_LOG_UNREADABLE when `to` is not reached: an open transaction held it back for longer than the reader's patience, or the log ends before it
   */
  async *read(topic: string, partition: number, from: bigint, to: bigint): AsyncGenerator<KafkaRecord, void, undefined> {
    const stall = this.#stall(topic, partition, to);
    while (from < to) {
      const { records, next, lastStable, highWatermark } = await this.#session.fetch(topic, partition, from, SHORT_POLL_MS, this.#persistence);
      for (const record of records) if (record.offset < to) yield record;
      stall(from, next, highWatermark, lastStable);
      from = next;
    }
  }

  /**
   * The values alone of every committed record in [from, to), many at a time and their checksums checked; the next fetch is under way meanwhile. For whoever
   * reads millions. Fails like {@link read}, and with ATS_LOG_UNREADABLE for a damaged batch.
   */
  async *readValues(topic: string, partition: number, from: bigint, to: bigint): AsyncGenerator<ValueBlock, void, undefined> {
    const stall = this.#stall(topic, partition, to);
    const fetch = (at: bigint) => this.#session.fetchRaw({ topic, partition, from: at, maxWaitMs: SHORT_POLL_MS, maxBytes: VALUES_BYTES }, this.#persistence);
    let coming = from < to ? fetch(from) : undefined;
    while (coming !== undefined) {
      const fetched = await coming;
      const { blocks, next } = valuesOf(fetched, from, to);
      stall(from, next, fetched.highWatermark, fetched.lastStable);
      from = next;
      coming = from < to ? fetch(from) : undefined;
      coming?.catch(() => undefined); // told when it is awaited
      yield* blocks;
    }
  }

  /** Fails when the readable end has not moved for longer than the patience. */
  #stall(topic: string, partition: number, to: bigint): (from: bigint, next: bigint, highWatermark: bigint, lastStable: bigint) => void {
    let stalledAt: number | undefined;
    return (from, next, highWatermark, lastStable) => {
      if (next > from) stalledAt = undefined;
      else if (Date.now() - (stalledAt ??= Date.now()) > this.#persistence.patienceMs) {
        throw new AtsError('ATS_LOG_UNREADABLE', `${topic}[${partition}] can't be read past ${from} up to ${to}: it ends at ${highWatermark}, and an open transaction begins at ${lastStable}`);
      }
    };
  }

  /** Every committed record from an offset to the high watermark of this moment. Fails like {@link read} when it can't be reached. */
  async *readAll(topic: string, partition: number, from: bigint): AsyncGenerator<KafkaRecord, void, undefined> {
    yield* this.read(topic, partition, from, await this.highWatermark(topic, partition));
  }

  /**
   * Every committed record from an offset on, as they come, until the signal is aborted. Outlasts outages of the broker; the client's watch tells of them
   * in one line. Each follower has connections of its own.
   * @throws AtsError ATS_LOG_UNREADABLE when the offset is outside the log
   */
  async *follow(topic: string, partition: number, from: bigint, signal: AbortSignal): AsyncGenerator<KafkaRecord, void, undefined> {
    const session = new LogSession(this.kafka, `follow-${topic}-${partition}`);
    try {
      while (!signal.aborted) {
        const fetched = await session.fetch(topic, partition, from, LONG_POLL_MS, { patienceMs: Infinity, signal }).catch((error: unknown) => {
          if (signal.aborted) return undefined;
          throw error;
        });
        for (const record of fetched?.records ?? []) {
          if (signal.aborted) return;
          yield record;
        }
        from = fetched?.next ?? from;
      }
    } finally {
      await session.close();
    }
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}
