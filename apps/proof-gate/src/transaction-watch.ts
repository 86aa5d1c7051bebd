import { AtsError } from '#libs/errors';
import { TOPICS } from '#libs/events';
import type { Log, Readiness } from '#libs/service';
import type { HeldBack } from '#libs/stream';
import type { GateMetrics } from './metrics.js';

/** Topics whose readers a hanging transaction of the gate stops, and where its group's offsets are. */
export const WATCHED_TOPICS: ReadonlySet<string> = new Set([...Object.keys(TOPICS), '__consumer_offsets']);

/** Tells of transactions that hold back readers: in metrics for as long as they do, in the log once, and in the ready state while one hangs. */
export class TransactionWatch {
  private told = new Set<string>();

  constructor(private readonly log: Log, private readonly readiness: Readiness, private readonly metrics: GateMetrics) {}

  look(held: readonly HeldBack[]): void {
    const { log, readiness, metrics } = this;
    metrics.hangingTransactions.reset();
    metrics.stableOffsetLag.reset();
    for (const { topic, partition, seconds, hanging } of held) {
      metrics.stableOffsetLag.set({ topic, partition }, seconds);
      if (hanging) metrics.hangingTransactions.set({ topic, partition }, 1);
    }
    const hanging = held.filter((one) => one.hanging).map((one) => ({ name: nameOf(one), why: new AtsError('ATS_TRANSACTION_HANGING', nameOf(one)).message }));
    for (const { name, why } of hanging) if (!this.told.has(name)) log.error({ code: 'ATS_TRANSACTION_HANGING' }, why);
    if (hanging.length === 0 && this.told.size > 0) log.info('no transaction hangs any more');
    this.told = new Set(hanging.map(({ name }) => name));
    readiness.set('transactions', hanging.length === 0 ? null : new AtsError('ATS_TRANSACTION_HANGING', hanging.map(({ name }) => name).join('; ')).message);
  }
}

function nameOf({ topic, partition, startOffset, transactionalId }: HeldBack): string {
  return `${topic}[${partition}] from offset ${startOffset}, of ${transactionalId ?? 'an unknown transactional id'}`;
}
