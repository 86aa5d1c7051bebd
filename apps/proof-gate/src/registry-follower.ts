import { setTimeout as delay } from 'node:timers/promises';
import type { RegistryProjection } from '#libs/chain';
import { AtsError, isAtsError } from '#libs/errors';
import type { EventOf, KafkaRecord } from '#libs/events';
import type { Outage, Readiness } from '#libs/service';
import type { LogReader } from '#libs/stream';
import type { RegistryBlock } from '#libs/verdict';
import { outlastBroker } from './outlast-broker.js';

const TOPIC = 'chain-events';
const PARTITION = 0;

/** A record is waited for silently this long: the indexer reads finalized blocks every second or so. */
const PATIENCE_MS = 5000;

export interface RegistryFollowerParameters {
  projection: Pick<RegistryProjection, 'apply' | 'registryBlock' | 'head'>;
  /** @throws AtsError ATS_EVENT_MALFORMED */
  decode: (value: Buffer | null) => EventOf<'chain-events'>;
  outage: Outage;
  readiness: Readiness;
  onBlock?: (block: EventOf<'chain-events'>) => void;
}

/** Keeps the projection of chain-events up to date. Each instance of the gate reads all of it, whatever partitions it judges. */
export class RegistryFollower {
  #waiting = 0;
  #news = Promise.withResolvers<void>();

  constructor(private readonly parameters: RegistryFollowerParameters) {}

  /**
   * Reads until the signal is aborted.
   * @throws AtsError ATS_CHAIN_DIVERGED or ATS_CHAIN_WRONG: there is no registry to judge by then
   */
  async run(reader: LogReader, signal: AbortSignal): Promise<void> {
    const { readiness } = this.parameters;
    const end = await outlastBroker(() => reader.highWatermark(TOPIC, PARTITION), signal);
    const start = await outlastBroker(() => reader.earliest(TOPIC, PARTITION), signal);
    const ready = (next: bigint) => readiness.set(TOPIC, next < end ? `reading chain-events up to ${end}, at ${next}` : null);
    if (end === start) readiness.set(TOPIC, 'the first block');
    else ready(start);
    for await (const record of reader.follow(TOPIC, PARTITION, start, signal)) {
      this.apply(record);
      ready(record.offset + 1n);
    }
  }

  /** The registry block of a record, null when the chain began later, undefined while chain-events has not passed it. */
  blockNow(timestampMs: number): RegistryBlock | null | undefined {
    const found = this.parameters.projection.registryBlock(timestampMs);
    return found.status === 'found' ? found.block : found.status === 'none' ? null : undefined;
  }

  /**
   * The registry block of a record, null when the chain began later. Waits until chain-events has passed it.
   * @throws the signal's reason
   */
  async blockOf(timestampMs: number, signal: AbortSignal): Promise<RegistryBlock | null> {
    let patience: AbortController | undefined;
    try {
      for (;;) {
        const block = this.blockNow(timestampMs);
        if (block !== undefined) return block;
        signal.throwIfAborted();
        patience ??= this.beginWait(timestampMs);
        await aborted(signal, this.#news.promise);
      }
    } finally {
      if (patience !== undefined) this.endWait(patience);
    }
  }

  private apply(record: KafkaRecord): void {
    const { projection, decode, onBlock } = this.parameters;
    let block: EventOf<'chain-events'>;
    try {
      block = decode(record.value);
    } catch (error) {
      // No block at all: the same record is MALFORMED in the audit log.
      if (isAtsError(error, 'ATS_EVENT_MALFORMED')) return;
      throw error;
    }
    projection.apply(block);
    onBlock?.(block);
    const news = this.#news;
    this.#news = Promise.withResolvers();
    news.resolve();
  }

  private beginWait(timestampMs: number): AbortController {
    this.#waiting++;
    const patience = new AbortController();
    const head = () => this.parameters.projection.head?.number ?? 'none';
    void delay(PATIENCE_MS, undefined, { signal: patience.signal, ref: false }).then(
      () => this.parameters.outage.begin(new AtsError('ATS_CHAIN_EVENTS_BEHIND', `a record of ${new Date(timestampMs).toISOString()} waits; the newest block read is ${head()}`)),
      () => undefined, // the wait was short
    );
    return patience;
  }

  private endWait(patience: AbortController): void {
    patience.abort();
    if (--this.#waiting === 0) this.parameters.outage.end();
  }
}

/** Resolves with the promise, rejects when the signal is aborted first. */
async function aborted(signal: AbortSignal, promise: Promise<void>): Promise<void> {
  const { promise: abort, reject } = Promise.withResolvers<never>();
  const listener = () => reject(signal.reason as Error);
  signal.addEventListener('abort', listener, { once: true });
  try {
    await Promise.race([promise, abort]);
  } finally {
    signal.removeEventListener('abort', listener);
  }
}
