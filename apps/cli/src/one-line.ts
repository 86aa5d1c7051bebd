import { ConfigError } from '#libs/config';
import { AtsError, isAtsError } from '#libs/errors';

/** What a person at the terminal reads of an error. */
export function oneLine(error: unknown): string {
  if (error instanceof ConfigError) return error.faults.map(({ message }) => message).join('\n');
  if (isAtsError(error)) return error.message;
  const unexpected = new AtsError('ATS_INTERNAL', error instanceof Error ? `${error.name}: ${error.message}` : String(error), { cause: error });
  return `${unexpected.message}${error instanceof Error && process.env['ATTESTREAM_LOG_LEVEL'] === 'debug' ? `\n${error.stack}` : ''}`;
}
