import { AtsError } from '#libs/errors';

/** Calls under way that a close() rejects at once, though their work goes on to its end elsewhere. */
export class PendingCalls {
  readonly #rejects = new Set<(error: AtsError) => void>();
  #closed = false;

  constructor(private readonly name: string) {}

  /** @throws AtsError ATS_INTERNAL when closed, now or before the work ends */
  run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(this.#error());
    return new Promise((resolve, reject) => {
      this.#rejects.add(reject);
      work().then(resolve, reject).finally(() => this.#rejects.delete(reject));
    });
  }

  close(): void {
    this.#closed = true;
    for (const reject of this.#rejects) reject(this.#error());
  }

  #error(): AtsError {
    return new AtsError('ATS_INTERNAL', `the ${this.name} is closed`);
  }
}
