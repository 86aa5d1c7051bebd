import { ATS_CODES, type AtsCode } from './codes.js';

/**
 * An error a person can act on. Its message is one line: code, what happened, why, what to do.
 * `why` names the concrete values; `todo` defaults to the remedy in {@link ATS_CODES}.
 */
export class AtsError extends Error {
  override readonly name = 'AtsError';
  readonly todo: string;

  constructor(
    readonly code: AtsCode,
    readonly why: string,
    options: { todo?: string; cause?: unknown } = {},
  ) {
    const todo = options.todo ?? ATS_CODES[code].todo;
    super(`${code}: ${ATS_CODES[code].what}: ${why}. ${todo}`.replaceAll(/\s*\n\s*/g, ' '), { cause: options.cause });
    this.todo = todo;
  }
}

/** True for an {@link AtsError}, of the given code when one is named. */
export function isAtsError(error: unknown, code?: AtsCode): error is AtsError {
  return error instanceof AtsError && (code === undefined || error.code === code);
}
