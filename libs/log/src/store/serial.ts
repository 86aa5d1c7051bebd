/** Runs actions one after the other, in the order they came. */
export class Serial {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#last.then(action);
    this.#last = result.catch(() => {}); // the caller has it; the next action is not its victim
    return result;
  }
}

/** Runs actions as they come, some at a time. After the first failure it begins no more. */
export class Pool {
  readonly #started: Promise<void>[] = [];
  readonly #failures: unknown[] = [];
  readonly #waiting: (() => void)[] = [];
  #busy = 0;

  constructor(private readonly width: number) {}

  start(action: () => Promise<void>): void {
    this.#started.push(this.#run(action));
  }

  /** Until all that was started has ended, well or not. */
  async ended(): Promise<void> {
    await Promise.all(this.#started);
  }

  /** The same; rejects with the first failure. */
  async finish(): Promise<void> {
    await this.ended();
    if (this.#failures.length > 0) throw this.#failures[0];
  }

  async #run(action: () => Promise<void>): Promise<void> {
    if (this.#busy === this.width) await new Promise<void>((resolve) => { this.#waiting.push(resolve); });
    else this.#busy++;
    try {
      if (this.#failures.length === 0) await action();
    } catch (error) {
      this.#failures.push(error);
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#busy--;
    }
  }
}
