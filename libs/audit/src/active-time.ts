const MINUTE_MS = 60_000;

/**
 * Time as the log itself has lived it: minutes in which something was written. An instance that was stopped over night has not been late
 * by a night, so lags are counted in these and never by a clock outside.
 */
export class ActiveTime {
  readonly #minutes: Set<number>;
  #last = -1;

  constructor(minutes: Iterable<number> = []) {
    this.#minutes = new Set(minutes);
  }

  mark(timestampMs: number): void {
    const minute = Math.floor(timestampMs / MINUTE_MS);
    if (minute === this.#last) return;
    this.#last = minute;
    this.#minutes.add(minute);
  }

  /** Whether more than `limitMs` of active time lies between two times. */
  exceeds(fromMs: number, toMs: number, limitMs: number): boolean {
    if (toMs - fromMs <= limitMs) return false;
    let left = Math.ceil(limitMs / MINUTE_MS);
    const first = Math.floor(fromMs / MINUTE_MS) + 1;
    const last = Math.floor(toMs / MINUTE_MS);
    if (last - first > this.#minutes.size) {
      for (const minute of this.#minutes) if (minute >= first && minute <= last && left-- === 0) return true;
      return false;
    }
    for (let minute = first; minute <= last; minute++) if (this.#minutes.has(minute) && left-- === 0) return true;
    return false;
  }

  minutes(): number[] { return [...this.#minutes]; }
}
