import { epochOf, keyBytesOf, keyOf, SEEN_HASH_BYTES, seenOf, type Seen } from './seen-nullifiers-columns.js';
import { Settled } from './seen-nullifiers-settled.js';
import { MOST_YOUNG, Young } from './seen-nullifiers-young.js';

export type { Seen } from './seen-nullifiers-columns.js';

const LEAST_YOUNG = 256;
/** Share of all entries that a young part, and a settled one, may hold. The first bounds what a version that branches off copies; the second, what is copied at once, and what waits for the last epoch of its part. */
const YOUNG_SHARE = 1 / 128;
const SETTLED_SHARE = 1 / 32;

type Replaced = (part: Settled | Young) => void;

/**
 * An immutable map of nullifiers in about 30 bytes an entry, outside the JavaScript heap. Versions share their parts: one young part that is only ever appended
 * to, of which each version sees its first entries, and settled parts that never change. A version that is dropped leaves no trace, and one
 * that branches off an older version copies no more than the young part.
 * Entries below the epoch floor are absent. A part leaves memory as a whole when the last of its epochs is, without copying.
 */
export class SeenNullifiers {
  static readonly EMPTY = new SeenNullifiers([], new Young(0), 0, -Infinity);

  private constructor(
    /** Oldest first. */
    private readonly settled: readonly Settled[],
    private readonly young: Young,
    private readonly length: number,
    private readonly floor: number,
  ) {}

  /** What is allocated for this version, in bytes; other versions share most of it. */
  get bytes(): number {
    return this.settled.reduce((sum, { bytes }) => sum + bytes, this.young.bytes);
  }

  /** The newest verified event that used this nullifier, unless its epoch is below the floor. */
  get(nullifier: Buffer): Seen | undefined {
    const key = keyOf(nullifier);
    const i = this.young.find(key, this.length, this.floor);
    if (i >= 0) return seenOf(this.young, i);
    for (let n = this.settled.length - 1; n >= 0; n--) {
      const part = this.settled[n]!;
      const at = part.find(key, this.floor);
      if (at >= 0) return seenOf(part, at);
    }
    return undefined;
  }

  /** This map and one nullifier more, at a floor that is not below the present one. */
  with(nullifier: Buffer, seen: Seen, floor: number): SeenNullifiers {
    return this.extend(nullifier, seen, floor, () => undefined);
  }

  /**
   * Fills a map from nothing, as {@link with} would one by one. What it replaces on the way is given back at once, where `with` has to leave it
   * to older versions and to the garbage collector, which is in no hurry. After `done` it begins anew.
   */
  static filling(): { add(nullifier: Buffer, seen: Seen, floor: number): void; done(): SeenNullifiers } {
    let map = SeenNullifiers.EMPTY;
    return {
      add: (nullifier, seen, floor) => { map = map.extend(nullifier, seen, floor, (part) => part.free()); },
      done: () => {
        const filled = map;
        map = SeenNullifiers.EMPTY;
        return filled;
      },
    };
  }

  private extend(nullifier: Buffer, seen: Seen, floor: number, replaced: Replaced): SeenNullifiers {
    let { settled, young, length } = this;
    if (floor > this.floor && settled.some(({ newest }) => newest < floor)) {
      settled.filter(({ newest }) => newest < floor).forEach(replaced);
      settled = settled.filter(({ newest }) => newest >= floor);
    }
    if (length === young.capacity) {
      settled = settle(settled, young, floor, replaced);
      young = new Young(youngCapacity(settled));
      length = 0;
    } else if (length < young.length) {
      young = young.copy(length);
    }
    young.append(keyOf(nullifier), seen);
    return new SeenNullifiers(settled, young, length + 1, floor);
  }

  /** Live entries: the bytes of the nullifier and of the hash that count, which `with` takes for the same map, and what is known. */
  *entries(): Generator<[Buffer, Seen]> {
    for (const part of this.settled) {
      const heads: number[] = [];
      part.eachHead((head, i) => { heads[i] = head; });
      for (const [i, head] of heads.entries()) {
        if (epochOf(part, i) >= this.floor) yield [keyBytesOf(part, i, head), seenOf(part, i)];
      }
    }
    for (let i = 0; i < this.length; i++) {
      if (epochOf(this.young, i) >= this.floor) yield [keyBytesOf(this.young, i, this.young.heads[i]!), seenOf(this.young, i)];
    }
  }
}

/** Whether a record with this hash is the one that was seen, as far as {@link Seen.hash} tells. */
export function isSameRecord(seen: Seen, hash: Buffer): boolean {
  return seen.hash.compare(hash, 0, SEEN_HASH_BYTES, 0, SEEN_HASH_BYTES) === 0;
}

/**
 * The parts after a full young one has become the newest of them. Neighbours are joined while they are small, so that there are never many.
 * @param replaced told of each part that became another
 */
function settle(parts: readonly Settled[], young: Young, floor: number, replaced: Replaced): readonly Settled[] {
  if (young.length === 0) return parts;
  const most = Math.max(2 * LEAST_YOUNG, (sizeOf(parts) + young.length) * SETTLED_SHARE);
  const joins = (older: number, newer: number) => older + newer <= most && older <= 2 * newer;
  // The young one and what it is joined to are copied once, without steps between.
  let first = parts.length;
  for (let { length } = young; first > 0 && joins(parts[first - 1]!.length, length); first--) length += parts[first - 1]!.length;
  const last: (Settled | Young)[] = [...parts.slice(first), young];
  const newest = Settled.of(last, floor);
  last.forEach(replaced);
  const joined = parts.slice(0, first);
  if (newest !== null) joined.push(newest);
  for (let i = joined.length - 2; i >= 0; i--) {
    const [older, newer] = [joined[i]!, joined[i + 1]!];
    if (!joins(older.length, newer.length)) continue;
    joined.splice(i, 2, Settled.of([older, newer], floor)!);
    replaced(older);
    replaced(newer);
  }
  return joined;
}

function youngCapacity(parts: readonly Settled[]): number {
  return Math.min(MOST_YOUNG, Math.max(LEAST_YOUNG, Math.floor(sizeOf(parts) * YOUNG_SHARE)));
}

function sizeOf(parts: readonly Settled[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}
