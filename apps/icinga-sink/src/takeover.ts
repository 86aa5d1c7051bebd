import { setTimeout as delay } from 'node:timers/promises';
import { isAtsError } from '#libs/errors';
import type { KafkaRecord } from '#libs/events';
import type { LogReader } from '#libs/stream';
import type { ServiceCheckResult } from './check-result.js';
import type { ServiceStates } from './service-states.js';

const TOPIC = 'telemetry.verified';
const AGAIN_MS = 500;

export interface TakeoverParameters {
  reader: Pick<LogReader, 'committed' | 'offsetAt' | 'read'>;
  /** The consumer group whose committed offsets say what Icinga2 has accepted. */
  groupId: string;
  states: Pick<ServiceStates, 'clear' | 'recall'>;
  /** How far back a state can still be fresh. */
  freshnessSeconds: number;
  /** The result in a record, null when it has none to submit. */
  resultOf(record: KafkaRecord, signal: AbortSignal): Promise<ServiceCheckResult | null>;
}

/**
 * What a new owner of partitions must know: the results that its predecessor, or its own earlier run, has submitted and that may still be fresh. They lie
 * before the committed offset; what comes after it, the consumer delivers. With them Icinga2 can be made good for a crash that went unseen.
 */
export class Takeover {
  #under = new AbortController();
  #done = Promise.withResolvers<void>();

  constructor(private readonly parameters: TakeoverParameters) {}

  /** The partitions owned now are known. Pending until the group was joined. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  /**
   * The group gave us these partitions, whatever we had before: another member may have had any of them in between.
   * @returns false when the next takeover or a stop has begun
   * @throws AtsError what the log says but that no broker answers, which is waited out
   */
  async begin(partitions: readonly number[], stopping: AbortSignal): Promise<boolean> {
    this.#under.abort();
    this.#under = new AbortController();
    const done = Promise.withResolvers<void>();
    // Whoever waits for the one that is given up must wait for this one.
    this.#done.resolve(done.promise);
    this.#done = done;
    const signal = AbortSignal.any([this.#under.signal, stopping]);
    this.parameters.states.clear();
    for (const partition of partitions) await this.#persist(partition, signal);
    if (signal.aborted) return false;
    done.resolve();
    return true;
  }

  async #persist(partition: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        return await this.#recall(partition, signal);
      } catch (error) {
        if (signal.aborted) return;
        // The Kafka client tells of a broker that is away.
        if (!isAtsError(error, 'ATS_BROKER_UNREACHABLE')) throw error;
      }
      await delay(AGAIN_MS, undefined, { signal }).catch(() => undefined); // only an abort ends the wait early
    }
  }

  async #recall(partition: number, signal: AbortSignal): Promise<void> {
    const { reader, groupId, states, freshnessSeconds, resultOf } = this.parameters;
    const to = await reader.committed(groupId, TOPIC, partition);
    const from = await reader.offsetAt(TOPIC, partition, Date.now() - freshnessSeconds * 1_000);
    if (to === null || from === null) return;
    for await (const record of reader.read(TOPIC, partition, from, to)) {
      const result = await resultOf(record, signal);
      if (signal.aborted) return;
      if (result !== null) states.recall(result);
    }
  }
}
