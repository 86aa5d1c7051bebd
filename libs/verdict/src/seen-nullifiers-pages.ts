import { ROW_WORDS, type Key } from './seen-nullifiers-entry.js';

const PAGE_BITS = 10;
const PAGE_ROWS = 2 ** PAGE_BITS;
const IN_PAGE = PAGE_ROWS - 1;

const SHORT = 7;
const LONG = 8;

/** What malloc takes for a page of short rows. */
const CHUNK_BYTES = 4 * SHORT * PAGE_ROWS + 16;
/** Among so many pages the last is as long as the others. */
const MANY = 24;

/** So many bytes or some more: as malloc takes them for a number of pages, where they are many. What is given back then fits what is taken next, and memory does not crumble. */
export function fitting(bytes: number): number {
  return bytes < CHUNK_BYTES / 2 ? bytes : Math.ceil((bytes + 16) / CHUNK_BYTES) * CHUNK_BYTES - 16;
}

/**
 * Rows of settled entries: the six words, then head and place; of the head the last 16 bits in a short row's one word, all of it in a long row's two.
 * In pages of one size, outside the JavaScript heap; where they are few the last is shorter.
 */
export class RowPages {
  readonly pages: readonly Uint32Array[];
  readonly #words: number;

  constructor(readonly length: number, short: boolean) {
    this.#words = short ? SHORT : LONG;
    const count = Math.ceil(length / PAGE_ROWS);
    const rowsOf = (n: number) => (count >= MANY ? PAGE_ROWS : Math.min(PAGE_ROWS, length - n * PAGE_ROWS));
    this.pages = Array.from({ length: count }, (_, n) => new Uint32Array(rowsOf(n) * this.#words));
  }

  /** Writes the six words as they stand in another row, and what follows them. */
  put(i: number, row: Uint32Array, from: number, head: number, place: number): void {
    const page = this.pages[i >>> PAGE_BITS]!;
    const at = (i & IN_PAGE) * this.#words;
    page[at] = row[from]!;
    page[at + 1] = row[from + 1]!;
    page[at + 2] = row[from + 2]!;
    page[at + 3] = row[from + 3]!;
    page[at + 4] = row[from + 4]!;
    page[at + 5] = row[from + 5]!;
    if (this.#words === SHORT) {
      page[at + 6] = ((head & 0xffff) << 16) | place;
    } else {
      page[at + 6] = place;
      page[at + 7] = head;
    }
  }

  copyTo(target: RowPages, i: number, to: number, head: number, place: number): void {
    target.put(to, this.pages[i >>> PAGE_BITS]!, (i & IN_PAGE) * this.#words, head, place);
  }

  placeOf(i: number): number {
    return this.pages[i >>> PAGE_BITS]![(i & IN_PAGE) * this.#words + ROW_WORDS]! & 0xffff;
  }

  /**
   * Writes heads and places of [from, to) to the same positions after `at`.
   * @param told the bits of the heads that their place tells, which are at least 16 with short rows
   */
  read(from: number, to: number, told: number, heads: Uint32Array, places: Int32Array, at: number): void {
    const above = told & 0xffff_0000;
    for (let i = from; i < to; i++) {
      const page = this.pages[i >>> PAGE_BITS]!;
      const word = (i & IN_PAGE) * this.#words + ROW_WORDS;
      const last = page[word]!;
      heads[at + i] = this.#words === SHORT ? above | (last >>> 16) : page[word + 1]!;
      places[at + i] = last & 0xffff;
    }
  }

  /** Whether the row has this key, given that it is where the key would be. */
  isOf(i: number, { head, b, c, d }: Key): boolean {
    const page = this.pages[i >>> PAGE_BITS]!;
    const at = (i & IN_PAGE) * this.#words;
    if (page[at + 2] !== d || page[at + 1] !== c || page[at] !== b) return false;
    return this.#words === SHORT ? page[at + ROW_WORDS]! >>> 16 === (head & 0xffff) : page[at + ROW_WORDS + 1] === head;
  }

  /** The six words. */
  rowOf(i: number): Uint32Array {
    const at = (i & IN_PAGE) * this.#words;
    return this.pages[i >>> PAGE_BITS]!.subarray(at, at + ROW_WORDS);
  }
}
