import { isAtsError, type AtsCode } from '#libs/errors';

/** What an audit's or a check's exit status says. */
export const EXIT = { holds: 0, violated: 1, unchecked: 2 } as const;

/** What is wrong with a proof file itself, whatever could be asked: it does not hold. */
const DOES_NOT_HOLD: ReadonlySet<AtsCode> = new Set([
  'ATS_EVENT_UNPROVEN', 'ATS_TLOG_PROOF_FAILED', 'ATS_TLOG_PROOF_MALFORMED', 'ATS_NOTE_MALFORMED', 'ATS_NOTE_UNVERIFIED', 'ATS_CHECKPOINT_FOREIGN', 'ATS_CHECKPOINT_MALFORMED',
]);

/** Exit status of a check that ended with an error. */
export function exitOf(error: unknown): number {
  return isAtsError(error) && DOES_NOT_HOLD.has(error.code) ? EXIT.violated : EXIT.unchecked;
}
