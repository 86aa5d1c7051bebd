import { setTimeout as delay } from 'node:timers/promises';
import { AtsError } from '#libs/errors';
import type { Say } from '../say.js';
import type { Check } from './report.js';

const POLL_MS = 500;

/** The stages of a job in their order, each a check of its report. The first that does not come ends the job and gives the error its name. */
export class Stages {
  readonly checks: Check[] = [];

  constructor(private readonly say: Say, private readonly signal: AbortSignal) {}

  /** Done when `work` resolves; what it returns says what came. */
  async do<T>(id: string, want: string, work: () => Promise<T>, got: (value: T) => string): Promise<T> {
    const begin = performance.now();
    try {
      const value = await work();
      this.#came(id, want, got(value), begin);
      return value;
    } catch (error) {
      throw this.#missing(id, want, error);
    }
  }

  /** Done when `look` returns something; what `progress` says is shown when it never does. */
  async until<T>(id: string, want: string, seconds: number, look: () => T | undefined | Promise<T | undefined>, describe: { got(value: T): string; progress(): string }): Promise<T> {
    const begin = performance.now();
    try {
      for (;;) {
        this.signal.throwIfAborted();
        const value = await look();
        if (value !== undefined) {
          this.#came(id, want, describe.got(value), begin);
          return value;
        }
        if (performance.now() - begin > seconds * 1_000) throw new Error(`${describe.progress()} after ${seconds} s`);
        await delay(POLL_MS, undefined, { signal: this.signal });
      }
    } catch (error) {
      throw this.#missing(id, want, error);
    }
  }

  /** A check that does not end the job: all of them are wanted in the report. */
  check(id: string, ok: boolean, want: string, got: string): void {
    this.checks.push({ id, ok, want, got });
    this.say(`  ${ok ? 'ok  ' : 'FAIL'} ${id}: ${got}`);
  }

  #came(id: string, want: string, got: string, begin: number): void {
    this.check(id, true, want, `${got} (${((performance.now() - begin) / 1_000).toFixed(1)} s)`);
  }

  /** What ends a stage once everything is being stopped says nothing of the stage. */
  #missing(id: string, want: string, error: unknown): AtsError {
    const got = this.signal.aborted ? 'it was stopped before' : error instanceof Error ? error.message : String(error);
    this.check(id, false, want, got);
    return new AtsError('ATS_STAGE_MISSING', `${id}: wanted ${want}, got ${got}`, { cause: error });
  }
}
