import { highOf, keyBytesOf, Places, ROW_WORDS, seenOf, writeRow, type Key, type Seen } from './seen-nullifiers-entry.js';
import { fitting, type RowPages } from './seen-nullifiers-pages.js';
import { Part } from './seen-nullifiers-part.js';

/** Positions are 16-bit in the chains, and 0 is none. */
export const MOST_YOUNG = 2 ** 16 - 1;

/** An entry's share of the columns: addition, row, head, place, two links. */
const MOST_ENTRY_BYTES = 8 + 4 * ROW_WORDS + 4 + 2 + 2 + 2;

/** A place of the JavaScript heap: two numbers, an entry of a map, a link. */
const PLACE_BYTES = 64;

/** The newest entries in the order they came, chained by the low bits of their heads. Only ever appended to, so that versions share it: each sees its first entries. */
export class Young extends Part {
  length = 0;
  readonly #heads: Uint32Array;
  readonly #rows: Uint32Array;
  readonly #placeOf: Uint16Array;
  readonly #places = new Places();
  /** Which addition to the whole memory each entry was. */
  readonly #additions: Float64Array;
  /** Position + 1 of the newest entry with these bits, and of the one before it. */
  readonly #newest: Uint16Array;
  readonly #before: Uint16Array;

  readonly capacity: number;

  /** @param least of entries that it can hold */
  constructor(least: number) {
    super();
    const capacity = Math.floor(fitting(least * MOST_ENTRY_BYTES) / MOST_ENTRY_BYTES);
    this.capacity = capacity;
    const chains = 2 ** Math.floor(Math.log2(capacity));
    const [rowsAt, headsAt] = [8 * capacity, (8 + 4 * ROW_WORDS) * capacity];
    const [placesAt, beforeAt, newestAt] = [headsAt + 4 * capacity, headsAt + 6 * capacity, headsAt + 8 * capacity];
    const buffer = new ArrayBuffer(fitting(newestAt + 2 * chains));
    this.#additions = new Float64Array(buffer, 0, capacity);
    this.#rows = new Uint32Array(buffer, rowsAt, capacity * ROW_WORDS);
    this.#heads = new Uint32Array(buffer, headsAt, capacity);
    this.#placeOf = new Uint16Array(buffer, placesAt, capacity);
    this.#before = new Uint16Array(buffer, beforeAt, capacity);
    this.#newest = new Uint16Array(buffer, newestAt, chains);
  }

  get epochs(): number[] { return this.#places.epochs; }
  get highs(): number[] { return this.#places.highs; }

  override get bytes(): number {
    return super.bytes + PLACE_BYTES * this.#places.count;
  }

  /** Not beyond the capacity. */
  append(key: Key, seen: Seen, addition: number): void {
    const i = this.length++;
    writeRow(this.#rows, i * ROW_WORDS, key, seen);
    this.#placeOf[i] = this.#places.numberOf(seen.epoch, highOf(seen.offset));
    this.#enter(i, key.head, addition);
  }

  /** How many entries a version has that was given so many additions: all but in an older one. */
  lengthAt(additions: number): number {
    let [low, high] = [0, this.length];
    if (high === 0 || this.#additions[high - 1]! < additions) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#additions[middle]! < additions) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The newest of the first `length` entries with this key whose epoch is at least the floor; -1 when there is none. */
  find(key: Key, length: number, floor: number): number {
    this.assertThere();
    for (let i = this.#newest[key.head & (this.#newest.length - 1)]! - 1; i >= 0; i = this.#before[i]! - 1) {
      if (i < length && this.#isOf(i, key) && this.epochOf(i) >= floor) return i;
    }
    return -1;
  }

  /** The first entries of this one, to be followed by others. */
  copy(length: number): Young {
    this.assertThere();
    const copy = new Young(this.capacity);
    copy.#rows.set(this.#rows.subarray(0, length * ROW_WORDS));
    for (let i = 0; i < length; i++) {
      copy.#placeOf[i] = copy.#places.numberOf(this.epochOf(i), this.highs[this.#placeOf[i]!]!);
      copy.#enter(i, this.#heads[i]!, this.#additions[i]!);
    }
    copy.length = length;
    return copy;
  }

  epochOf(i: number): number {
    return this.epochs[this.#placeOf[i]!]!;
  }

  seen(i: number): Seen {
    const place = this.#placeOf[i]!;
    return seenOf(this.#rows.subarray(i * ROW_WORDS, (i + 1) * ROW_WORDS), this.epochs[place]!, this.highs[place]!);
  }

  keyBytes(i: number): Buffer {
    return keyBytesOf(this.#rows.subarray(i * ROW_WORDS, (i + 1) * ROW_WORDS), this.#heads[i]!);
  }

  copyTo(target: RowPages, i: number, to: number, head: number, place: number): void {
    target.put(to, this.#rows, i * ROW_WORDS, head, place);
  }

  /** Writes every entry's head and its place, from a position on. */
  read(heads: Uint32Array, places: Int32Array, at: number): void {
    this.assertThere();
    heads.set(this.#heads.subarray(0, this.length), at);
    places.set(this.#placeOf.subarray(0, this.length), at);
  }

  protected buffers(): readonly ArrayBufferLike[] {
    return [this.#rows.buffer];
  }

  #isOf(i: number, { head, b, c, d }: Key): boolean {
    const at = i * ROW_WORDS;
    return this.#heads[i] === head && this.#rows[at + 2] === d && this.#rows[at + 1] === c && this.#rows[at] === b;
  }

  #enter(i: number, head: number, addition: number): void {
    const chain = head & (this.#newest.length - 1);
    this.#heads[i] = head;
    this.#additions[i] = addition;
    this.#before[i] = this.#newest[chain]!;
    this.#newest[chain] = i + 1;
  }
}
