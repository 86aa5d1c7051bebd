import type { Verdict } from '#libs/verdict';
import type { AuditReport, Failure } from '../audit-report.js';

/** Verdicts in plain words. */
export const VERDICT_WORDS: Readonly<Record<Verdict, string>> = {
  VERIFIED: 'proven: the state follows from readings that a registered sensor signed',
  RECORDED: 'recorded as it came: nothing to prove',
  MALFORMED: 'refused: the bytes are no event',
  PARAMETERS_UNKNOWN: 'refused: no rules were in force yet',
  SCHEMA_UNKNOWN: 'refused: a form that the rules do not list',
  FIELD_NOT_CANONICAL: 'refused: a number in another spelling than the one allowed',
  PARTITION_MISMATCH: 'refused: sent to a place where it does not belong',
  KEY_MISMATCH: 'refused: sent under the name of another',
  STATEMENT_UNKNOWN: 'refused: a kind of proof that the rules do not list',
  POLICY_UNKNOWN: 'refused: a measurement without a policy',
  EPOCH_STALE: 'refused: too old',
  EPOCH_FUTURE: 'refused: from a time that had not come',
  ROOT_UNKNOWN: 'refused: proven against a registry that never was',
  ROOT_REVOKED: 'refused: proven against a registry with a device since revoked',
  NULLIFIER_SEEN: 'refused: counted already',
  PROOF_INVALID: 'refused: the proof does not hold',
};

/** The audit in one sentence. */
export function headline({ outcome, entries, range, size, topic, failureCount, unchecked, failuresByCode }: AuditReport): string {
  const whole = range.from === 0 && range.to === size && topic === null;
  const all = whole ? `all ${count(entries, 'entry', 'entries')}` : `${count(entries, 'entry', 'entries')}${topic === null ? '' : ` of ${topic}`} from ${number(range.from)} to ${number(range.to)}`;
  if (outcome === 'holds') return `Everything holds: ${all} are what the records, the rules and the chain say.`;
  if (outcome === 'unchecked') return `Nothing wrong was found in ${all}, but ${count(unchecked.length, 'thing', 'things')} could not be checked.`;
  const kinds = Object.keys(failuresByCode).length;
  return `It does not hold: ${count(failureCount, 'finding', 'findings')}${kinds > 1 ? ` of ${kinds} kinds` : ''} in ${all}.`;
}

/** Whether the chain was looked at: no anchor found where nobody looked is no finding. */
export function chainWasAsked({ unchecked }: Pick<AuditReport, 'unchecked'>): boolean {
  return !unchecked.some(({ code }) => code === 'CHAIN');
}

/** Where a finding is, for a person. */
export function placeOf({ leaf, topic, partition, offset }: Failure): string {
  const record = topic === null ? '' : `${topic}/${partition ?? '?'}/${offset ?? '?'}`;
  return [leaf === null ? '' : `entry ${leaf}`, record].filter(Boolean).join(', ') || 'the log';
}

export function number(value: number): string {
  return value.toLocaleString('en-US');
}

export function count(value: number, one: string, many: string): string {
  return `${number(value)} ${value === 1 ? one : many}`;
}

/** `2026-11-27 20:15:03 UTC`. */
export function time(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
