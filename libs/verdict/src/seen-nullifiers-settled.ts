import { epochOf, isRowOf, Places, release, ROW_WORDS, type Columns, type Key } from './seen-nullifiers-columns.js';
import type { Young } from './seen-nullifiers-young.js';

/** From this size on a part has 2^16 buckets, and the bucket is half of the head. */
const MANY = 2 ** 17;
const BUCKET_ENTRIES = 8;

/**
 * Entries that do not change any more, grouped by the high bits of their heads: the group is found by a directory, and a large part keeps only the
 * low half of the heads. No slot is empty. Entries with the same key stay in the order they came.
 */
export class Settled implements Columns {
  /** Highest epoch of an entry: when it is below the floor, the part is let go as a whole. */
  readonly newest: number;

  private constructor(
    readonly length: number,
    private readonly bits: number,
    /** Where each bucket begins, and the end. */
    private readonly starts: Uint32Array,
    private readonly heads: Uint16Array | Uint32Array,
    readonly rows: Uint32Array,
    readonly placeOf: Uint16Array | Uint32Array,
    readonly epochs: Float64Array,
    readonly highs: Uint32Array,
  ) {
    this.newest = epochs.reduce((highest, epoch) => Math.max(highest, epoch), -Infinity);
  }

  /** The live entries of all, oldest part first. Null when none is. */
  static of(parts: readonly (Settled | Young)[], floor: number): Settled | null {
    const places = new Places();
    const numbers = parts.map(({ epochs, highs }) => Int32Array.from(epochs, (epoch, n) => (epoch < floor ? -1 : places.numberOf(epoch, highs[n]!))));
    let length = 0;
    parts.forEach(({ placeOf, length: count }, p) => { for (let i = 0; i < count; i++) if (numbers[p]![placeOf[i]!]! >= 0) length++; });
    if (length === 0) return null;

    const bits = length >= MANY ? 16 : Math.max(1, Math.floor(Math.log2(length / BUCKET_ENTRIES)));
    const starts = new Uint32Array(2 ** bits + 1);
    parts.forEach((part, p) => eachHead(part, (head, i) => { if (numbers[p]![part.placeOf[i]!]! >= 0) starts[(head >>> (32 - bits)) + 1]!++; }));
    for (let bucket = 0; bucket < starts.length - 1; bucket++) starts[bucket + 1]! += starts[bucket]!;

    const heads = bits === 16 ? new Uint16Array(length) : new Uint32Array(length);
    const rows = new Uint32Array(length * ROW_WORDS);
    const placeOf = places.count > 2 ** 16 ? new Uint32Array(length) : new Uint16Array(length);
    const next = starts.slice(0, -1);
    parts.forEach((part, p) => eachHead(part, (head, i) => {
      const place = numbers[p]![part.placeOf[i]!]!;
      if (place < 0) return;
      const to = next[head >>> (32 - bits)]!++;
      heads[to] = head;
      for (let word = 0; word < ROW_WORDS; word++) rows[to * ROW_WORDS + word] = part.rows[i * ROW_WORDS + word]!;
      placeOf[to] = place;
    }));
    return new Settled(length, bits, starts, heads, rows, placeOf, Float64Array.from(places.epochs), Uint32Array.from(places.highs));
  }

  get bytes(): number {
    return [this.starts, this.heads, this.rows, this.placeOf, this.epochs, this.highs].reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** Gives the memory back at once. Nobody may use this part any more. */
  free(): void {
    release(this.starts, this.heads, this.rows, this.placeOf, this.epochs, this.highs);
  }

  /** The newest entry with this key whose epoch is at least the floor; -1 when there is none. */
  find(key: Key, floor: number): number {
    const { starts, heads, bits } = this;
    const bucket = key.head >>> (32 - bits);
    const head = bits === 16 ? key.head & 0xffff : key.head;
    const first = starts[bucket]!;
    for (let i = starts[bucket + 1]! - 1; i >= first; i--) {
      if (heads[i] === head && isRowOf(this, i, key) && epochOf(this, i) >= floor) return i;
    }
    return -1;
  }

  /** Every entry's whole head. */
  eachHead(visit: (head: number, i: number) => void): void {
    const { starts, heads, bits } = this;
    if (bits < 16) return heads.forEach(visit);
    for (let bucket = 0; bucket < starts.length - 1; bucket++) {
      for (let i = starts[bucket]!; i < starts[bucket + 1]!; i++) visit(((bucket << 16) | heads[i]!) >>> 0, i);
    }
  }
}

function eachHead(part: Settled | Young, visit: (head: number, i: number) => void): void {
  if (part instanceof Settled) return part.eachHead(visit);
  for (let i = 0; i < part.length; i++) visit(part.heads[i]!, i);
}
