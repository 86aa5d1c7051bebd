import { isAtsError } from '#libs/errors';
import type { SupervisorEvent } from '#libs/stack';

/** The last few things worth telling, newest last. */
export class Messages {
  readonly #lines: string[] = [];

  constructor(private readonly keep = 8) {}

  add(line: string): void {
    this.#lines.push(`${new Date().toISOString().slice(11, 19)}  ${line}`);
    if (this.#lines.length > this.keep) this.#lines.shift();
  }

  lines(): readonly string[] {
    return this.#lines;
  }
}

/** A supervisor's event as one line. */
export function describe(event: SupervisorEvent): string {
  switch (event.type) {
    case 'started':
      return `${event.name} is up${event.restart ? ' again' : ''} after ${event.seconds.toFixed(1)} s (pid ${event.pid})`;
    case 'ended':
      return `${event.name} ended (${event.exit.signal ?? `exit code ${event.exit.code}`}); starting it again in ${event.retryInMs / 1_000} s`;
    case 'start-failed':
      return `${isAtsError(event.error) ? event.error.message : String(event.error)} Trying again in ${event.retryInMs / 1_000} s`;
  }
}
