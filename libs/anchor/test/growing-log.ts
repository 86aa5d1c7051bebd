import { leafHash, nodeHash, type TreeHead } from '#libs/log';
import type { CheckpointSource } from '../src/index.js';

/** A log in memory whose entry i is a text with i in it: two of the same seed and size are the same log. Proofs straight from RFC 6962's definition. */
export class GrowingLog implements CheckpointSource {
  readonly #roots = new Map<string, Buffer>();

  constructor(public size = 0, readonly seed = 'log') {}

  grow(entries: number): void {
    this.size += entries;
  }

  async latest(): Promise<TreeHead | undefined> {
    return this.size === 0 ? undefined : this.head(this.size);
  }

  head(size: number): TreeHead {
    return { size, root: this.#root(0, size) };
  }

  async consistencyProof(from: number, to: number): Promise<Buffer[]> {
    return this.#subproof(from, 0, to, true);
  }

  /** SUBPROOF of section 2.1.2. */
  #subproof(from: number, start: number, end: number, whole: boolean): Buffer[] {
    const size = end - start;
    if (from === size) return whole ? [] : [this.#root(start, end)];
    const split = largestPowerBelow(size);
    return from <= split
      ? [...this.#subproof(from, start, start + split, whole), this.#root(start + split, end)]
      : [...this.#subproof(from - split, start + split, end, false), this.#root(start, start + split)];
  }

  /** MTH of section 2.1. Complete subtrees are remembered. */
  #root(start: number, end: number): Buffer {
    const size = end - start;
    if (size === 1) return leafHash(Buffer.from(`${this.seed} ${start}`));
    const key = `${start} ${end}`;
    const known = this.#roots.get(key);
    if (known) return known;
    const split = largestPowerBelow(size);
    const root = nodeHash(this.#root(start, start + split), this.#root(start + split, end));
    if (Number.isInteger(Math.log2(size))) this.#roots.set(key, root);
    return root;
  }
}

function largestPowerBelow(size: number): number {
  return 2 ** (Math.ceil(Math.log2(size)) - 1);
}
