import type { KafkaClient } from '../client.js';
import { LogSession } from '../log-session.js';
import { pause, within } from '../time.js';
import { isSame, nameOf } from './decide.js';
import { look, type OpenTransaction } from './look.js';

/** A transaction that holds back the readers of a partition: one that hangs or, when none does, the oldest, where the last stable offset stands. */
export interface HeldBack {
  readonly topic: string;
  readonly partition: number;
  /** Where it began. */
  readonly startOffset: bigint;
  /** Since it was first seen, on this process's own clock. */
  readonly seconds: number;
  /** Nobody will end it. */
  readonly hanging: boolean;
  readonly transactionalId: string | undefined;
}

export interface WatchTransactionsParameters {
  /** Milliseconds from one look to the next. Default 5 s: a hanging transaction is told of within two of them. */
  everyMs?: number;
  /** Default: all, internal ones too. */
  topics?: ReadonlySet<string>;
  /** After each look that succeeded: one transaction of every partition in which any is open. */
  onLook(held: readonly HeldBack[]): void;
}

/** A stop does not wait for a broker that is away. */
const CLOSE_MS = 500;

/** Looks for open and hanging transactions until the signal is aborted. A broker that is away is told of by the client's watch, and looked at when it is back. */
export async function watchTransactions(kafka: KafkaClient, { everyMs = 5000, topics, onLook }: WatchTransactionsParameters, signal: AbortSignal): Promise<void> {
  const session = new LogSession(kafka, 'watch');
  const aborted = new Promise<undefined>((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }));
  const isWanted = ({ topic }: { topic: string }) => topics?.has(topic) ?? true;
  let firstSeen = new Map<string, number>();
  try {
    while (!signal.aborted) {
      const seen = await Promise.race([aborted, session.ask('open transactions', { patienceMs: 0, signal }, (cluster) => look(cluster, { isWanted, signal })).catch(() => undefined)]);
      if (signal.aborted) return;
      if (seen) {
        const now = performance.now();
        firstSeen = new Map(seen.open.map((open) => [keyOf(open), firstSeen.get(keyOf(open)) ?? now]));
        const held = [...Map.groupBy(seen.open, nameOf).values()].map((open): HeldBack => {
          const oldest = open.reduce((a, b) => (a.startOffset <= b.startOffset ? a : b));
          const hanging = seen.hanging.find((one) => isSame(one, oldest));
          const { topic, partition, startOffset, producerId } = hanging ?? oldest;
          return {
            topic, partition, startOffset, hanging: hanging !== undefined, transactionalId: seen.coordinators.get(producerId)?.transactionalId,
            seconds: Math.max(...open.map((one) => now - firstSeen.get(keyOf(one))!)) / 1000,
          };
        });
        onLook(held);
      }
      await pause(everyMs, signal);
    }
  } finally {
    await within(CLOSE_MS, 'closing the watch', session.close()).catch(() => undefined);
  }
}

function keyOf(open: OpenTransaction): string {
  return `${nameOf(open)} ${open.producerId} ${open.startOffset}`;
}
