import { AtsError } from '#libs/errors';
import { keyBytesOf, Places, seenOf, type Key, type Seen } from './seen-nullifiers-entry.js';
import { Part } from './seen-nullifiers-part.js';
import { fitting, RowPages } from './seen-nullifiers-pages.js';
import type { Young } from './seen-nullifiers-young.js';

/** Of a part; fewer than 2^16, so that a row names its place in 16 bits. */
export const MOST_SETTLED = 60_000;
const BUCKET_ENTRIES = 8;
/** From so many bits of a head on that a bucket tells, a row keeps the last 16 alone. */
const TOLD = 16;
/** A part whose share of dead entries is above this is thin. */
const DEAD_SHARE = 1 / 8;

/** Which keys a shard has: those whose heads begin with these bits. */
export interface Range { readonly depth: number; readonly prefix: number }

/** Used again and again: what is only needed while parts are joined would otherwise gather until the next garbage collection. */
const scratch = { heads: new Uint32Array(2 ** 17), places: new Int32Array(2 ** 17), next: new Uint32Array(2 ** TOLD + 1), numbers: new Int32Array(2 ** 17), counts: new Uint32Array(2 ** 16) };
const UNKNOWN = -1;
const DEAD = -2;

/**
 * A shard's entries that do not change any more, grouped by the bits of their heads that follow the shard's. The group is found by a directory. No slot
 * is empty. Entries with the same key stay in the order they came.
 */
export class Settled extends Part {
  private constructor(
    private readonly range: Range,
    private readonly bits: number,
    /** Where each bucket begins, and the end. */
    private readonly starts: Uint16Array,
    readonly rows: RowPages,
    readonly epochs: Int32Array | Float64Array,
    readonly highs: Uint8Array | Uint32Array,
    /** With the floor above this epoch, many of the entries are dead. */
    readonly thinBelow: number,
  ) {
    super();
  }

  get length(): number { return this.rows.length; }

  /** The live entries of all that are in the range, oldest part first. Null when none is. */
  static of(parts: readonly (Settled | Young)[], floor: number, { depth, prefix }: Range): Settled | null {
    const { heads, places: placeOf, next, numbers, counts } = scratch;
    const most = parts.reduce((sum, part) => sum + part.length, 0);
    const bits = bitsFor(most, depth);
    const places = new Places();
    next.fill(0, 0, 2 ** bits + 1);
    counts.fill(0);
    let at = 0;
    for (const part of parts) {
      part.read(heads, placeOf, at);
      numbers.fill(UNKNOWN, 0, part.epochs.length);
      for (const end = at + part.length; at < end; at++) {
        const [head, old] = [heads[at]!, placeOf[at]!];
        let place = depth > 0 && head >>> (32 - depth) !== prefix ? DEAD : numbers[old]!;
        if (place === UNKNOWN) {
          const epoch = part.epochs[old]!;
          numbers[old] = place = epoch < floor ? DEAD : places.numberOf(epoch, part.highs[old]!);
        }
        placeOf[at] = place;
        if (place < 0) continue;
        counts[place]!++;
        next[bucketOf(head, depth, bits) + 1]!++;
      }
    }
    for (let bucket = 0; bucket < 2 ** bits; bucket++) next[bucket + 1]! += next[bucket]!;
    const length = next[2 ** bits]!;
    if (length === 0) return null;
    if (length >= 2 ** 16) throw new AtsError('ATS_INTERNAL', `${length} nullifiers begin with the same ${depth} bits`);

    const { starts, epochs, highs } = directory(bits, places);
    starts.set(next.subarray(0, starts.length));
    const rows = new RowPages(length, depth + bits >= TOLD);
    at = 0;
    for (const part of parts) {
      for (let i = 0; i < part.length; i++, at++) {
        const place = placeOf[at]!;
        if (place < 0) continue;
        const head = heads[at]!;
        const to = next[bucketOf(head, depth, bits)]!++;
        part.copyTo(rows, i, to, head, place);
      }
    }
    return new Settled({ depth, prefix }, bits, starts, rows, epochs, highs, thinBelow(epochs, counts, length));
  }

  /** The newest entry with this key whose epoch is at least the floor; -1 when there is none. */
  find(key: Key, floor: number): number {
    this.assertThere();
    const { starts, rows, bits, range: { depth } } = this;
    const bucket = bucketOf(key.head, depth, bits);
    const first = starts[bucket]!;
    for (let i = starts[bucket + 1]! - 1; i >= first; i--) {
      if (rows.isOf(i, key) && this.epochOf(i) >= floor) return i;
    }
    return -1;
  }

  epochOf(i: number): number {
    this.assertThere();
    return this.epochs[this.rows.placeOf(i)]!;
  }

  seen(i: number): Seen {
    const place = this.rows.placeOf(i);
    return seenOf(this.rows.rowOf(i), this.epochs[place]!, this.highs[place]!);
  }

  keyBytes(i: number, head: number): Buffer {
    return keyBytesOf(this.rows.rowOf(i), head);
  }

  copyTo(target: RowPages, i: number, to: number, head: number, place: number): void {
    this.rows.copyTo(target, i, to, head, place);
  }

  /** Writes every entry's whole head and its place, from a position on. */
  read(heads: Uint32Array, places: Int32Array, at: number): void {
    this.assertThere();
    const { starts, rows, bits, range: { depth, prefix } } = this;
    for (let bucket = 0; bucket < 2 ** bits; bucket++) {
      const told = (prefix * 2 ** bits + bucket) * 2 ** (32 - depth - bits);
      rows.read(starts[bucket]!, starts[bucket + 1]!, told, heads, places, at);
    }
  }

  protected buffers(): readonly ArrayBufferLike[] {
    return [this.starts.buffer, ...this.rows.pages.map(({ buffer }) => buffer)];
  }
}

/** The columns beside the rows, in one buffer. */
function directory(bits: number, places: Places): { starts: Uint16Array; epochs: Int32Array | Float64Array; highs: Uint8Array | Uint32Array } {
  const Epochs = places.epochs.every((epoch) => epoch === (epoch | 0)) ? Int32Array : Float64Array;
  const Highs = places.highs.every((high) => high < 2 ** 8) ? Uint8Array : Uint32Array;
  const highsAt = places.count * Epochs.BYTES_PER_ELEMENT;
  const startsAt = 2 * Math.ceil((highsAt + places.count * Highs.BYTES_PER_ELEMENT) / 2);
  const buffer = new ArrayBuffer(fitting(startsAt + 2 * (2 ** bits + 1)));
  const epochs = new Epochs(buffer, 0, places.count);
  const highs = new Highs(buffer, highsAt, places.count);
  epochs.set(places.epochs);
  highs.set(places.highs);
  return { starts: new Uint16Array(buffer, startsAt, 2 ** bits + 1), epochs, highs };
}

/** Of the directory: buckets of 8 to 16, or of fewer where that makes the rows shorter by more. */
function bitsFor(most: number, depth: number): number {
  const bits = Math.max(1, Math.floor(Math.log2(most / BUCKET_ENTRIES)));
  return depth + bits < TOLD && 2 ** (TOLD - depth) <= most ? TOLD - depth : bits;
}

function bucketOf(head: number, depth: number, bits: number): number {
  return (head << depth) >>> (32 - bits);
}

function thinBelow(epochs: Int32Array | Float64Array, counts: Uint32Array, length: number): number {
  const places = Array.from(epochs, (_, place) => place).sort((a, b) => epochs[a]! - epochs[b]!);
  let dead = 0;
  return epochs[places.find((place) => (dead += counts[place]!) > length * DEAD_SHARE)!]!;
}
