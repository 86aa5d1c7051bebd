/** What is known of a verified event's nullifier. */
export interface Seen {
  readonly epoch: number;
  /** Offset and hash of the source record, to tell a resend from a replay. Of the hash, its first {@link SEEN_HASH_BYTES} bytes count and come back. */
  readonly offset: number;
  readonly hash: Buffer;
}

/** Of a nullifier, its last 16 bytes count (docs/gate.md, "What the gate remembers"): two that agree in them are one. */
export const SEEN_KEY_BYTES = 16;
export const SEEN_HASH_BYTES = 8;

/** Words of an entry's row: the last three of its key, the offset's low one, two of the hash. */
export const ROW_WORDS = 6;
const OFFSET = 3;
const HASH = 4;
const WORD = 2 ** 32;

/**
 * A key as four words. The first, the head, is mixed with the others, so that keys spread over shards and buckets also where nullifiers are not digests;
 * the mixing is its own inverse.
 */
export interface Key { readonly head: number; readonly b: number; readonly c: number; readonly d: number }

export function keyOf(nullifier: Buffer): Key {
  const at = nullifier.length - SEEN_KEY_BYTES;
  const b = nullifier.readUInt32BE(at + 4);
  const c = nullifier.readUInt32BE(at + 8);
  const d = nullifier.readUInt32BE(at + 12);
  return { head: mix(nullifier.readUInt32BE(at), b, c, d), b, c, d };
}

function mix(head: number, b: number, c: number, d: number): number {
  let h = Math.imul(b, 0x9e3779b1) ^ Math.imul(c, 0x85ebca6b) ^ Math.imul(d, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return (head ^ h ^ (h >>> 15)) >>> 0;
}

/** Epochs and high words of offsets, by number: the entries of a part share few of them, and any safe integer is one. Only ever appended to. */
export class Places {
  readonly epochs: number[] = [];
  readonly highs: number[] = [];
  /** The newest number of each epoch, and from each number the one before it of the same epoch; -1 when there is none. */
  readonly #newest = new Map<number, number>();
  readonly #before: number[] = [];

  get count(): number { return this.epochs.length; }

  numberOf(epoch: number, high: number): number {
    const newest = this.#newest.get(epoch) ?? -1;
    for (let number = newest; number >= 0; number = this.#before[number]!) if (this.highs[number] === high) return number;
    this.#newest.set(epoch, this.epochs.length);
    this.#before.push(newest);
    this.epochs.push(epoch);
    return this.highs.push(high) - 1;
  }
}

/** The high word of an offset. */
export function highOf(offset: number): number {
  return Math.floor(offset / WORD);
}

/** The words of a row: see {@link ROW_WORDS}. */
export function writeRow(rows: Uint32Array, at: number, { b, c, d }: Key, { offset, hash }: Seen): void {
  rows[at] = b;
  rows[at + 1] = c;
  rows[at + 2] = d;
  rows[at + OFFSET] = offset % WORD;
  rows[at + HASH] = hash.readUInt32BE(0);
  rows[at + HASH + 1] = hash.readUInt32BE(4);
}

export function seenOf(row: Uint32Array, epoch: number, high: number): Seen {
  const hash = Buffer.allocUnsafe(SEEN_HASH_BYTES);
  hash.writeUInt32BE(row[HASH]!, 0);
  hash.writeUInt32BE(row[HASH + 1]!, 4);
  return { epoch, offset: high * WORD + row[OFFSET]!, hash };
}

/** The bytes of a nullifier that count, of an entry with this head. */
export function keyBytesOf([b, c, d]: Uint32Array, head: number): Buffer {
  const key = Buffer.allocUnsafe(SEEN_KEY_BYTES);
  [mix(head, b!, c!, d!), b!, c!, d!].forEach((word, n) => key.writeUInt32BE(word, 4 * n));
  return key;
}
