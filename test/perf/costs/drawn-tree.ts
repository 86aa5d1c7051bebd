import { createHash } from 'node:crypto';
import { leafHash, nodeHash } from '#libs/log';

/**
 * The two heads and the consistency proof of a log of any size in a few hundred hashes: subtrees that neither size cuts are drawn instead of
 * built, all others are hashed of their halves (RFC 6962, section 2.1). The same sizes give the same tree.
 */
export class DrawnTree {
  constructor(readonly from: number, readonly to: number, readonly seed: string) {}

  /** The tree's hash over leaves `low` to `high` (exclusive). */
  hash(low = 0, high = this.to): Buffer {
    const width = high - low;
    const whole = Number.isInteger(Math.log2(width));
    if (whole && (high <= this.from || low >= this.from)) return createHash('sha256').update(`${this.seed} ${low} ${high}`).digest();
    if (width === 1) return leafHash(Buffer.from(`${this.seed} ${low}`));
    const middle = low + split(width);
    return nodeHash(this.hash(low, middle), this.hash(middle, high));
  }

  get fromRoot(): Buffer {
    return this.hash(0, this.from);
  }

  get toRoot(): Buffer {
    return this.hash(0, this.to);
  }

  /** PROOF(from, D[to]). */
  proof(): Buffer[] {
    return this.#subproof(0, this.to, true);
  }

  #subproof(low: number, high: number, whole: boolean): Buffer[] {
    if (this.from === high) return whole ? [] : [this.hash(low, high)];
    const middle = low + split(high - low);
    return this.from <= middle
      ? [...this.#subproof(low, middle, whole), this.hash(middle, high)]
      : [...this.#subproof(middle, high, false), this.hash(low, middle)];
  }
}

/** The largest power of two below n. */
function split(n: number): number {
  return 2 ** Math.floor(Math.log2(n - 1));
}
