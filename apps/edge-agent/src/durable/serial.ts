/** Runs asynchronous work one at a time, in the order of the calls. A failure reaches its caller alone. */
export class Serial {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);   // the caller holds `done` with its error
    return done;
  }
}
