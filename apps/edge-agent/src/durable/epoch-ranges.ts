/** A closed range of epochs. */
export type EpochRange = readonly [first: number, last: number];

/** Ranges kept a stream. Epochs follow each other, so that one range is the rule and each pause adds one. */
const MAX_RANGES = 128;

/**
 * A set of epochs, stored as sorted ranges so that years of them take a few bytes. Beyond {@link MAX_RANGES} the oldest two ranges become one,
 * with the gap between them: the set may then claim a long past epoch that was never added, and never forgets one that was.
 */
export class EpochRanges {
  #ranges: [number, number][];

  constructor(ranges: readonly EpochRange[] = []) {
    this.#ranges = ranges.map(([first, last]) => [first, last]);
  }

  has(epoch: number): boolean {
    return this.#ranges.some(([first, last]) => first <= epoch && epoch <= last);
  }

  add(epoch: number): void { this.addRange(epoch, epoch); }

  /** Adds every epoch from `first` to `last`. */
  addRange(first: number, last: number): void {
    const touches = ([from, to]: [number, number]) => from <= last + 1 && first <= to + 1;
    const joined = this.#ranges.filter(touches);
    const apart = this.#ranges.filter((range) => !touches(range));
    const merged: [number, number] = [Math.min(first, ...joined.map(([from]) => from)), Math.max(last, ...joined.map(([, to]) => to))];
    this.#ranges = [...apart, merged].sort(([a], [b]) => a - b);
    while (this.#ranges.length > MAX_RANGES) {
      const [oldest, next] = this.#ranges.splice(0, 2) as [[number, number], [number, number]];
      this.#ranges.unshift([oldest[0], next[1]]);
    }
  }

  toJSON(): EpochRange[] { return this.#ranges; }
}
