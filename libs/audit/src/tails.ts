import type { ActiveTime } from './active-time.js';
import type { AuditReport, Failure, FailureCode } from './audit-report.js';
import { forgotten } from './failures.js';
import type { Findings } from './findings.js';
import type { Lane } from './lane.js';
import type { RecordCursor } from './record-cursor.js';

const MINUTE_MS = 60_000;

export interface TailsParameters {
  readonly lanes: readonly Lane[];
  readonly topicCursor: RecordCursor | undefined;
  readonly findings: Findings;
  readonly active: ActiveTime;
  readonly lagMs: number;
  readonly nowMs: number;
  /** Whether the audit went to the log's end: else what follows is nobody's concern. */
  readonly isWhole: boolean;
  /** Whether the log was closed on the chain: what comes behind it is its successor's. */
  readonly isEnded: boolean;
  /** Of a successor: records up to here may be its predecessor's. */
  readonly beginsMs: number | undefined;
  readonly newest: (timestampMs: number) => void;
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
 * overdue only when the topics have gone on for longer than the lag since; the clock is the newest source record's, never the chain's or ours.
 */
export async function auditTails({ lanes, topicCursor, findings, active, lagMs, nowMs, isWhole, isEnded, beginsMs, newest }: TailsParameters): Promise<AuditReport['pending']> {
  for (const lane of lanes) {
    for (const [offset, { leaf }] of lane.missing) findings.add(forgotten(lane, offset, leaf));
  }
  if (!isWhole) return { records: 0, entries: 0 };
  let newestMs = 0;
  const rest = async (cursor: RecordCursor | undefined, topic: string, partition: number) => {
    const byMinute = new Map<number, Waiting>();
    while (cursor !== undefined && (cursor.head !== undefined || (await cursor.more()))) {
      const { offset, timestamp } = cursor.take();
      if (timestamp <= nowMs) {
        active.mark(timestamp);
        newestMs = Math.max(newestMs, timestamp);
      }
      const minute = Math.floor(timestamp / MINUTE_MS);
      const waiting = byMinute.get(minute);
      if (waiting === undefined) byMinute.set(minute, { topic, partition, firstOffset: Number(offset), firstMs: timestamp, count: 1 });
      else waiting.count++;
    }
    return [...byMinute.values()];
  };
  const records: Waiting[] = [];
  for (const lane of lanes) {
    const waiting = await rest(lane.cursor, lane.topic, lane.partition);
    records.push(...(beginsMs !== undefined && lane.last === -1 ? waiting.filter(({ firstMs }) => firstMs > beginsMs) : waiting));
  }
  const entries = await rest(topicCursor, 'audit-log', 0);
  newest(newestMs);
  const pending = (all: readonly Waiting[], code: FailureCode) => {
    let waiting = 0;
    for (const each of all) {
      if (!isEnded && active.exceeds(each.firstMs, newestMs, lagMs)) findings.add(overdue(code, each), each.count);
      else waiting += each.count;
    }
    return waiting;
  };
  return { records: pending(records, 'RECORD_WITHOUT_ENTRY'), entries: pending(entries, 'ENTRY_NOT_LOGGED') };
}

function overdue(code: FailureCode, { topic, partition, firstOffset, firstMs, count }: Waiting): Failure {
  const detail = `${count === 1 ? 'of' : `and ${count - 1} more, from`} ${new Date(firstMs).toISOString()}: behind the log's end, and overdue`;
  return { code, leaf: null, topic, partition, offset: firstOffset, detail };
}
