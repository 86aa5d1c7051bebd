import { AtsError, isAtsError } from '#libs/errors';

/** The error itself when it has a code; else ATS_INTERNAL around it. */
export function asAtsError(error: unknown): AtsError {
  return isAtsError(error) ? error : new AtsError('ATS_INTERNAL', error instanceof Error ? error.message : String(error), { cause: error });
}
