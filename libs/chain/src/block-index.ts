/** A block as verdicts name it. */
export interface Block {
  number: number;
  hash: Buffer;
  /** Block time, milliseconds since the Unix epoch. */
  timestampMs: number;
}

const PAGE_BLOCKS = 8192;
const HASH_BYTES = 32;

/** Every block of an unbroken run: 40 bytes each (about 105 MB a year of Ethereum), in pages that are never copied. */
export class BlockIndex {
  readonly #hashes: Buffer[] = [];
  readonly #times: Float64Array[] = [];
  #length = 0;

  constructor(readonly firstBlock: number) {}

  get head(): Block | undefined {
    return this.#length === 0 ? undefined : this.at(this.firstBlock + this.#length - 1);
  }

  /** Adds the block behind the head; the caller has checked that it is. */
  append(hash: Uint8Array, timestampMs: number): void {
    const at = this.#length % PAGE_BLOCKS;
    if (at === 0) {
      this.#hashes.push(Buffer.alloc(PAGE_BLOCKS * HASH_BYTES));
      this.#times.push(new Float64Array(PAGE_BLOCKS));
    }
    this.#hashes.at(-1)!.set(hash, at * HASH_BYTES);
    this.#times.at(-1)![at] = timestampMs;
    this.#length++;
  }

  at(number: number): Block | undefined {
    const index = number - this.firstBlock;
    if (!Number.isInteger(index) || index < 0 || index >= this.#length) return undefined;
    const page = Math.floor(index / PAGE_BLOCKS);
    const start = (index % PAGE_BLOCKS) * HASH_BYTES;
    // a copy: nobody can change what is held here
    const hash = Buffer.from(this.#hashes[page]!.subarray(start, start + HASH_BYTES));
    return { number, hash, timestampMs: this.#time(index) };
  }

  /** The highest block whose time is at most `timestampMs`. */
  highestUpTo(timestampMs: number): Block | undefined {
    let low = 0;
    let high = this.#length; // blocks below `low` are old enough, those from `high` on are not
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#time(middle) <= timestampMs) low = middle + 1;
      else high = middle;
    }
    return this.at(this.firstBlock + low - 1);
  }

  #time(index: number): number {
    return this.#times[Math.floor(index / PAGE_BLOCKS)]![index % PAGE_BLOCKS]!;
  }
}
