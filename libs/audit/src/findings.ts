import type { Failure, FailureCode, Unchecked } from './audit-report.js';

export interface FindingsState {
  readonly kept: Failure[];
  readonly counts: Partial<Record<FailureCode, number>>;
  readonly unchecked: Unchecked[];
}

/** What was found wrong: all of it counted, the first of it kept. */
export class Findings {
  readonly #kept: Failure[];
  readonly #counts: Partial<Record<FailureCode, number>>;
  readonly #unchecked: Unchecked[];

  constructor(private readonly most: number, private readonly onFailure: (failure: Failure) => void, state?: FindingsState) {
    this.#kept = [...(state?.kept ?? [])];
    this.#counts = { ...state?.counts };
    this.#unchecked = [...(state?.unchecked ?? [])];
  }

  /** @param times how many of the kind this one stands for */
  add(failure: Failure, times = 1): void {
    this.#counts[failure.code] = (this.#counts[failure.code] ?? 0) + times;
    if (this.#kept.length >= this.most) return;
    this.#kept.push(failure);
    this.onFailure(failure);
  }

  /** Named once, however often it comes. */
  couldNotCheck(code: string, detail: string): void {
    if (!this.#unchecked.some((other) => other.code === code && other.detail === detail)) this.#unchecked.push({ code, detail });
  }

  /** No longer worth a costly look for what exactly is wrong. */
  get full(): boolean { return this.#kept.length >= this.most; }
  get kept(): readonly Failure[] { return this.#kept; }
  get unchecked(): readonly Unchecked[] { return this.#unchecked; }
  get counts(): Readonly<Partial<Record<FailureCode, number>>> { return this.#counts; }
  get total(): number { return Object.values(this.#counts).reduce((sum, n) => sum + n, 0); }
  state(): FindingsState { return { kept: this.#kept, counts: this.#counts, unchecked: this.#unchecked }; }
}
