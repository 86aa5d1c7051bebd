import { hash } from 'node:crypto';
import type { TileSource } from '../src/index.js';
import { encodeEntryBundle } from '../src/index.js';

const sha256 = (...parts: Uint8Array[]): Buffer => hash('sha256', Buffer.concat(parts), 'buffer');

/** RFC 6962, section 2.1, as it is written: recursive, on the entries, with nothing kept but what was hashed before. */
export class NaiveTree {
  readonly #known = new Map<number, Buffer>();

  constructor(readonly entries: readonly Buffer[]) {}

  static of(size: number): NaiveTree {
    return new NaiveTree(Array.from({ length: size }, (_, i) => Buffer.from(`entry ${i}`)));
  }

  /** MTH(D[lo:hi]) */
  root(hi: number, lo = 0): Buffer {
    const key = lo * 2 ** 26 + hi;
    let found = this.#known.get(key);
    if (!found) {
      const k = split(hi - lo);
      found = hi === lo ? sha256() : hi - lo === 1 ? sha256(Buffer.of(0), this.entries[lo]!) : sha256(Buffer.of(1), this.root(lo + k, lo), this.root(hi, lo + k));
      this.#known.set(key, found);
    }
    return found;
  }

  /** PATH(m, D[lo:hi]) */
  path(m: number, hi: number, lo = 0): Buffer[] {
    if (hi - lo === 1) return [];
    const k = split(hi - lo);
    return m < k ? [...this.path(m, lo + k, lo), this.root(hi, lo + k)] : [...this.path(m - k, hi, lo + k), this.root(lo + k, lo)];
  }

  /** SUBPROOF(m, D[lo:hi], b) */
  subproof(m: number, hi: number, lo = 0, b = true): Buffer[] {
    if (m === hi - lo) return b ? [] : [this.root(hi, lo)];
    const k = split(hi - lo);
    return m <= k ? [...this.subproof(m, lo + k, lo, b), this.root(hi, lo + k)] : [...this.subproof(m - k, hi, lo + k, false), this.root(lo + k, lo)];
  }

  /** Every tile that it could have, as tlog-tiles defines them; and what was asked for. */
  tiles(asked: string[] = []): TileSource {
    return {
      tile: async (level, index, width) => {
        asked.push(`${level}/${index}/${width}`);
        const span = 256 ** level;
        return Buffer.concat(Array.from({ length: width }, (_, i) => this.root((index * 256 + i + 1) * span, (index * 256 + i) * span)));
      },
      entries: async (index, width) => encodeEntryBundle(this.entries.slice(index * 256, index * 256 + width)),
    };
  }
}

function split(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}
