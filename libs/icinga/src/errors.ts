import { AtsError } from '#libs/errors';

/** Icinga2 does not answer, or says that it can't for now (503 while it reloads). Worth another try. */
export function unreachable(url: string, why: string, cause?: unknown): AtsError {
  return new AtsError('ATS_ICINGA_UNREACHABLE', `${url}: ${why}`, { cause });
}

/** Icinga2 answered, and the answer is no: asking again changes nothing until a person does. */
export function refused(what: string, status: number, body: string): AtsError {
  return new AtsError('ATS_ICINGA_REFUSED', `${what}: ${status} ${body.slice(0, 300)}`);
}

/** What happened on the wire, with the cause that undici wraps. */
export function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  const text = error.message || code || error.name;
  return error.cause instanceof Error ? `${text} (${error.cause.message})` : text;
}
