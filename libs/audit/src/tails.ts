import type { ActiveTime } from './active-time.js';
import type { AuditReport, Failure, FailureCode } from './audit-report.js';
import { forgotten } from './failures.js';
import type { Findings } from './findings.js';
import type { Inherited } from './inherited.js';
import type { Lane } from './lane.js';
import type { RecordCursor } from './record-cursor.js';

const MINUTE_MS = 60_000;

export interface TailsParameters {
  readonly lanes: readonly Lane[];
  /** audit-log by partition: the log's is the first; of what it was given since, nothing is in the log. */
  readonly topicCursors: readonly (RecordCursor | undefined)[];
  readonly findings: Findings;
  readonly active: ActiveTime;
  readonly lagMs: number;
  readonly nowMs: number;
  /** Whether the audit went to the log's end: else what follows is nobody's concern. */
  readonly isWhole: boolean;
  /** When the log was closed on the chain: what was not overdue by then is its successor's. */
  readonly closedMs: number | undefined;
  /** Of a successor: what is left to its predecessor. */
  readonly inherited: Inherited | undefined;
  /** The newest broker time among the entries. */
  readonly newestMs: number;
}

export interface Tails {
  readonly pending: AuditReport['pending'];
  /** The newest broker time anywhere: among the entries, or behind them. */
  readonly newestMs: number;
}

/** Records of one minute that have no leaf. */
interface Waiting {
  readonly topic: string;
  readonly partition: number;
  readonly firstOffset: number;
  readonly firstMs: number;
  count: number;
}

/**
 * What comes behind the log's last entries: records that were passed over and never got an entry, and records that have none yet. Those are
 * overdue only when the topics have gone on for longer than the lag since; the clock is the newest broker time of all, logged or not, never the
 * chain's or ours.
 */
export async function auditTails({ lanes, topicCursors, findings, active, lagMs, nowMs, isWhole, closedMs = Infinity, inherited, newestMs: ofEntriesMs }: TailsParameters): Promise<Tails> {
  for (const lane of lanes) {
    for (const [offset, { leaf }] of lane.missing) findings.add(forgotten(lane, offset, leaf));
  }
  let newestMs = ofEntriesMs;
  if (!isWhole) return { pending: { records: 0, entries: 0 }, newestMs };
  const rest = async (cursor: RecordCursor | undefined, topic: string, partition: number, isLeft: (offset: number, timestampMs: number) => boolean = () => true) => {
    const byMinute = new Map<number, Waiting>();
    while (cursor !== undefined && (cursor.head !== undefined || (await cursor.more()))) {
      const { offset, timestamp } = cursor.take();
      if (timestamp <= nowMs) {
        active.mark(timestamp);
        newestMs = Math.max(newestMs, timestamp);
      }
      if (!isLeft(Number(offset), timestamp)) continue;
      const minute = Math.floor(timestamp / MINUTE_MS);
      const waiting = byMinute.get(minute);
      if (waiting === undefined) byMinute.set(minute, { topic, partition, firstOffset: Number(offset), firstMs: timestamp, count: 1 });
      else waiting.count++;
    }
    return [...byMinute.values()];
  };
  const records: Waiting[] = [];
  for (const lane of lanes) {
    const isLeft = (offset: number, timestampMs: number) => lane.last !== -1 || inherited?.has(lane.place, offset, timestampMs) !== true;
    records.push(...await rest(lane.cursor, lane.topic, lane.partition, isLeft));
  }
  const entries: Waiting[] = [];
  for (const [partition, cursor] of topicCursors.entries()) entries.push(...await rest(cursor, 'audit-log', partition));
  const untilMs = Math.min(newestMs, closedMs);
  const pending = (all: readonly Waiting[], code: FailureCode) => {
    let waiting = 0;
    for (const each of all) {
      if (active.exceeds(each.firstMs, untilMs, lagMs)) findings.add(overdue(code, each), each.count);
      else waiting += each.count;
    }
    return waiting;
  };
  return { pending: { records: pending(records, 'RECORD_WITHOUT_ENTRY'), entries: pending(entries, 'ENTRY_NOT_LOGGED') }, newestMs };
}

function overdue(code: FailureCode, { topic, partition, firstOffset, firstMs, count }: Waiting): Failure {
  const detail = `${count === 1 ? 'of' : `and ${count - 1} more, from`} ${new Date(firstMs).toISOString()}: behind the log's end, and overdue`;
  return { code, leaf: null, topic, partition, offset: firstOffset, detail };
}
