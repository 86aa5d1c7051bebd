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
 * A key as four words. The first, the head, is mixed with the others, so that keys spread over buckets also where nullifiers are not digests;
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

/**
 * Epochs and high words of offsets, by number: the entries of a part share few of them, and any safe integer is one. Only ever appended to.
 */
export class Places {
  readonly epochs: number[] = [];
  readonly highs: number[] = [];
  readonly #numbers = new Map<number, Map<number, number>>();

  get count(): number { return this.epochs.length; }

  numberOf(epoch: number, high: number): number {
    let ofEpoch = this.#numbers.get(epoch);
    if (ofEpoch === undefined) this.#numbers.set(epoch, ofEpoch = new Map());
    let number = ofEpoch.get(high);
    if (number === undefined) {
      ofEpoch.set(high, number = this.epochs.length);
      this.epochs.push(epoch);
      this.highs.push(high);
    }
    return number;
  }
}

/** Entries in columns, outside the JavaScript heap. */
export interface Columns {
  readonly rows: Uint32Array;
  readonly placeOf: Uint16Array | Uint32Array;
  readonly epochs: ArrayLike<number>;
  readonly highs: ArrayLike<number>;
}

export function writeRow({ rows }: Columns, i: number, { b, c, d }: Key, { offset, hash }: Seen): void {
  const at = i * ROW_WORDS;
  rows[at] = b;
  rows[at + 1] = c;
  rows[at + 2] = d;
  rows[at + OFFSET] = offset % WORD;
  rows[at + HASH] = hash.readUInt32BE(0);
  rows[at + HASH + 1] = hash.readUInt32BE(4);
}

export function isRowOf({ rows }: Columns, i: number, { b, c, d }: Key): boolean {
  const at = i * ROW_WORDS;
  return rows[at + 2] === d && rows[at + 1] === c && rows[at] === b;
}

/** Gives memory back at once, where the garbage collector would in its own time. */
export function release(...columns: readonly NodeJS.TypedArray[]): void {
  for (const { buffer } of columns) (buffer as ArrayBuffer).transfer(0);
}

/** The high word of an offset. */
export function highOf(offset: number): number {
  return Math.floor(offset / WORD);
}

export function epochOf({ placeOf, epochs }: Columns, i: number): number {
  return epochs[placeOf[i]!]!;
}

export function seenOf(columns: Columns, i: number): Seen {
  const { rows, placeOf, highs } = columns;
  const at = i * ROW_WORDS;
  const hash = Buffer.allocUnsafe(SEEN_HASH_BYTES);
  hash.writeUInt32BE(rows[at + HASH]!, 0);
  hash.writeUInt32BE(rows[at + HASH + 1]!, 4);
  return { epoch: epochOf(columns, i), offset: highs[placeOf[i]!]! * WORD + rows[at + OFFSET]!, hash };
}

/** The bytes of a nullifier that count, of an entry with this head. */
export function keyBytesOf({ rows }: Columns, i: number, head: number): Buffer {
  const at = i * ROW_WORDS;
  const [b, c, d] = [rows[at]!, rows[at + 1]!, rows[at + 2]!];
  const key = Buffer.allocUnsafe(SEEN_KEY_BYTES);
  [mix(head, b, c, d), b, c, d].forEach((word, n) => key.writeUInt32BE(word, 4 * n));
  return key;
}
