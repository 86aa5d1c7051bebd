import type { Failure, FailureCode } from './audit-report.js';
import type { AuditEntry } from './entry.js';
import type { Lane } from './lane.js';

/** A finding on an entry. */
export function failureOf(code: FailureCode, leaf: number, { topic, partition, offset }: Pick<AuditEntry, 'topic' | 'partition' | 'offset'>, detail: string): Failure {
  return { code, leaf, topic, partition, offset, detail };
}

/** The finding on a record that the log has passed over. */
export function forgotten({ topic, partition }: Lane, offset: number, leaf: number | null): Failure {
  return { code: 'RECORD_WITHOUT_ENTRY', leaf, topic, partition, offset, detail: 'entries of later records of the partition are there' };
}

/** A time that somebody else has named, which may be none. */
export function iso(timestampMs: number): string {
  const date = new Date(timestampMs);
  return Number.isNaN(date.getTime()) ? `${timestampMs} ms` : date.toISOString();
}
