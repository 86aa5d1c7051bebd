/** Entries that wait for their anchor are remembered up to this many; the time of later ones is not measured. */
const MOST_WAITING = 100_000;

/** How long entries wait from their source record to the finalized anchor that covers them. */
export class TimeToAnchor {
  /** Source times of the entries from `#first` on, in leaf order. */
  #waiting: number[] = [];
  #first = 0;

  /** Entries `index` and on have got into the log. */
  appended(index: number, producedAt: readonly number[]): void {
    if (this.#waiting.length === 0) this.#first = index;
    if (index === this.#first + this.#waiting.length && this.#waiting.length + producedAt.length <= MOST_WAITING) this.#waiting.push(...producedAt);
  }

  /** The seconds that each entry below `size` has waited by `now` (milliseconds since the Unix epoch). Each entry is told once. */
  final(size: number, now: number): number[] {
    const done = this.#waiting.splice(0, Math.max(0, size - this.#first));
    this.#first += done.length;
    return done.map((producedAt) => Math.max(0, now - producedAt) / 1_000);
  }
}
