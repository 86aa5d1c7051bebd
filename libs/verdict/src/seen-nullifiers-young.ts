import { epochOf, highOf, isRowOf, Places, release, ROW_WORDS, writeRow, type Columns, type Key, type Seen } from './seen-nullifiers-columns.js';

/** Positions are 16-bit in the index, and 0 is an empty slot. */
export const MOST_YOUNG = 2 ** 16 - 1;

/** The newest entries in the order they came, with an open-addressing index that is at most half full. Only ever appended to, so that versions share it. */
export class Young implements Columns {
  readonly heads: Uint32Array;
  readonly rows: Uint32Array;
  readonly placeOf: Uint16Array;
  length = 0;
  #places = new Places();
  /** Position + 1 of an entry, by the low bits of its head. */
  readonly #index: Uint16Array;

  constructor(readonly capacity: number) {
    this.heads = new Uint32Array(capacity);
    this.rows = new Uint32Array(capacity * ROW_WORDS);
    this.placeOf = new Uint16Array(capacity);
    this.#index = new Uint16Array(2 ** Math.ceil(Math.log2(2 * capacity + 1)));
  }

  get epochs(): number[] { return this.#places.epochs; }
  get highs(): number[] { return this.#places.highs; }

  get bytes(): number {
    return this.heads.byteLength + this.rows.byteLength + this.placeOf.byteLength + this.#index.byteLength + 16 * this.#places.count;
  }

  /** Not beyond the capacity. */
  append(key: Key, seen: Seen): void {
    const i = this.length++;
    writeRow(this, i, key, seen);
    this.placeOf[i] = this.#places.numberOf(seen.epoch, highOf(seen.offset));
    this.#enter(i, key.head);
  }

  /** The newest of the first `length` entries with this key whose epoch is at least the floor; -1 when there is none. */
  find(key: Key, length: number, floor: number): number {
    const mask = this.#index.length - 1;
    let found = -1;
    for (let slot = key.head & mask; this.#index[slot] !== 0; slot = (slot + 1) & mask) {
      const i = this.#index[slot]! - 1;
      if (i < length && i > found && this.heads[i] === key.head && isRowOf(this, i, key) && epochOf(this, i) >= floor) found = i;
    }
    return found;
  }

  /** The first entries of this one, to be followed by others. */
  copy(length: number): Young {
    const copy = new Young(this.capacity);
    copy.rows.set(this.rows.subarray(0, length * ROW_WORDS));
    for (let i = 0; i < length; i++) {
      copy.placeOf[i] = copy.#places.numberOf(epochOf(this, i), this.highs[this.placeOf[i]!]!);
      copy.#enter(i, this.heads[i]!);
    }
    copy.length = length;
    return copy;
  }

  /** Gives the memory back at once. Nobody may use this part any more. */
  free(): void {
    release(this.heads, this.rows, this.placeOf, this.#index);
  }

  #enter(i: number, head: number): void {
    const mask = this.#index.length - 1;
    let slot = head & mask;
    while (this.#index[slot] !== 0) slot = (slot + 1) & mask;
    this.#index[slot] = i + 1;
    this.heads[i] = head;
  }
}
