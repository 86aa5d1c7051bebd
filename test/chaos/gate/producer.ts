import { setTimeout as delay } from 'node:timers/promises';
import { EventProducer, type KafkaClient } from '#libs/stream';
import type { Sent } from './judge.js';
import type { Message, Traffic } from './traffic.js';

const AGAIN_MS = 200;
/** A broker that does not answer for this long has the batch sent again: it may be in the log twice then. */
const DEADLINE_MS = 10_000;

/** Everything that was sent, by its bytes, and how often it was acknowledged. */
export class Ledger {
  readonly #sent = new Map<string, Message['sent'] & { acknowledged: number }>();
  /** Acknowledged sends. */
  acknowledged = 0;
  readonly produced = { valid: 0, bad: 0 };

  /** Before it is sent: what is in the log unacknowledged was sent all the same. */
  plan(message: Message): void {
    if (!this.#sent.has(message.sent.hash)) this.#sent.set(message.sent.hash, { ...message.sent, acknowledged: 0 });
  }

  acknowledge(message: Message): void {
    this.#sent.get(message.sent.hash)!.acknowledged++;
    this.acknowledged++;
    this.produced[message.kind === 'valid' ? 'valid' : 'bad']++;
  }

  sent(): Sent[] {
    return [...this.#sent.values()];
  }
}

export interface ProduceParameters {
  kafka: KafkaClient;
  traffic: Traffic;
  ledger: Ledger;
  /** Resolves with how many messages may be sent now, at least one. */
  allowance(): Promise<number>;
  signal: AbortSignal;
}

/** Sends a producer's messages, each batch again until it is acknowledged. */
export async function produce({ kafka, traffic, ledger, allowance, signal }: ProduceParameters): Promise<void> {
  const producer = new EventProducer(kafka, { deadlineMs: DEADLINE_MS });
  try {
    while (traffic.left > 0 && !signal.aborted) {
      const batch = traffic.next(await allowance());
      for (const message of batch) ledger.plan(message);
      while (!signal.aborted) {
        const places = await producer.send(batch.map(({ record }) => record)).catch(() => undefined); // whatever it was, it is sent again
        if (places) {
          for (const message of batch) ledger.acknowledge(message);
          break;
        }
        await delay(AGAIN_MS);
      }
    }
  } finally {
    await producer.close().catch(() => undefined); // a producer without its broker
  }
}
