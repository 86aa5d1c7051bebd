import { isAtsError, type AtsError } from '#libs/errors';
import type { OutgoingRecord } from '#libs/events';
import type { Outbox, OutboxItem } from '../durable/outbox.js';
import type { AgentMetrics } from './agent-metrics.js';
import type { Proving } from './proving.js';
import type { Wakeup } from './wakeup.js';

/** Records in one request at most: 64 of them take about 150 kB. */
const MAX_BATCH = 64;

const LOOK_AGAIN_MS = 1000;

/** A broker that did not take a batch is asked again after this, milliseconds. The first answer after an outage comes soon enough. */
const FAILURE_PAUSE_MS = 1000;

export interface SendingParts {
  outbox: Outbox;
  changed: Wakeup;
  metrics: AgentMetrics;
  proving: Pick<Proving, 'present' | 'holds'>;
  send(records: OutgoingRecord[]): Promise<unknown>;
  /** The broker failed, or (null) took a batch. */
  outage(error: AtsError | null): void;
  say(line: string): void;
}

/**
 * Sends finished records, the oldest first, without waiting for windows that have no proof yet. A record leaves the outbox when the broker has acknowledged it; after a lost
 * acknowledgement the same bytes go out again, which the gate knows as a duplicate.
 */
export class Sending {
  constructor(private readonly parts: SendingParts) {}

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const batch = this.#batch();
      if (batch.length === 0) {
        await this.parts.changed.wait(signal, LOOK_AGAIN_MS);
      } else if (!await this.#send(batch)) {
        await this.parts.changed.wait(signal, FAILURE_PAUSE_MS);
      }
    }
  }

  /** The oldest records that the gate would take now. */
  #batch(): OutboxItem[] {
    const items = this.parts.outbox.items();
    if (items.length === 0) return [];
    const present = this.parts.proving.present();
    if (!present) return [];
    return items.filter((item) => this.parts.proving.holds(item, present)).slice(0, MAX_BATCH);
  }

  async #send(batch: OutboxItem[]): Promise<boolean> {
    const { outbox, changed, metrics, send, outage, say } = this.parts;
    try {
      await send(batch.map(({ proven }) => proven!.record));
    } catch (error) {
      if (isAtsError(error, 'ATS_RECORD_TOO_LARGE') && batch.length === 1) {
        await outbox.done([batch[0]!.sequence]);
        metrics.givenUp('too-large');
        say(error.message);
        return true;
      }
      if (isAtsError(error, 'ATS_RECORD_TOO_LARGE')) return this.#oneByOne(batch);
      if (!isAtsError(error)) throw error;
      outage(error);
      return false;
    }
    await outbox.done(batch.map(({ sequence }) => sequence));
    outage(null);
    metrics.sent(batch.length);
    changed.notify();
    return true;
  }

  /** One record of the batch can't be sent; the others can. */
  async #oneByOne(batch: OutboxItem[]): Promise<boolean> {
    for (const item of batch) if (!await this.#send([item])) return false;
    return true;
  }
}
