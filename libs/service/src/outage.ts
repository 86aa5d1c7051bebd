import { setTimeout as delay } from 'node:timers/promises';
import { isAtsError, type AtsError } from '#libs/errors';
import type { Log } from './log.js';
import type { Readiness } from './readiness.js';
import { unlessAborted } from './unless-aborted.js';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5000;

/** Tells of one dependency's outages: a line when it begins, a line when it is over, and readiness in between. */
export class Outage {
  private since: number | undefined;

  constructor(private readonly name: string, private readonly log: Log, private readonly readiness: Readiness) {}

  /** The dependency failed; only the first call of an outage is logged. */
  begin(error: AtsError): void {
    this.readiness.set(this.name, error.message);
    if (this.since !== undefined) return;
    this.since = performance.now();
    this.log.warn({ dependency: this.name, code: error.code }, error.message);
  }

  /** The dependency answers. */
  end(): void {
    this.readiness.set(this.name, null);
    if (this.since === undefined) return;
    const seconds = Math.round((performance.now() - this.since) / 1000);
    this.since = undefined;
    this.log.info({ dependency: this.name, seconds }, `${this.name} is back after ${seconds} s`);
  }

  /**
   * Repeats an action until its dependency answers (an `ATS_..._UNREACHABLE` is waited out, backing off to 5 s); its other errors are thrown.
   * @throws the signal's reason when it is aborted, whatever becomes of an attempt under way
   */
  async outlast<T>(action: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      signal.throwIfAborted();
      try {
        const result = await unlessAborted(action(), signal);
        this.end();
        return result;
      } catch (error) {
        signal.throwIfAborted();
        if (!isAtsError(error) || !error.code.endsWith('_UNREACHABLE')) throw error;
        this.begin(error);
      }
      await delay(pause, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}
