import { keyOf, SEEN_HASH_BYTES, type Seen } from './seen-nullifiers-entry.js';
import { Line } from './seen-nullifiers-part.js';
import { distinct, isThin, ONE_SHARD, settle, shardOf, type Shards } from './seen-nullifiers-shards.js';

export type { Seen } from './seen-nullifiers-entry.js';

/** A version can be used until this many entries more were added to the newest of its line; then it fails. Twice the longest batch. */
export const VERSION_LASTS = 2048;

/**
 * An immutable map of nullifiers in about 30 bytes an entry, outside the JavaScript heap. Its entries are in shards by their keys. Versions share them: of a
 * shard's young part, which is only ever appended to, each version sees its first entries, and settled parts never change. Whoever branches off an
 * older version copies young parts alone. What was replaced is given back as soon as only versions use it that are older than {@link VERSION_LASTS}.
 * Entries below the epoch floor are absent. They leave memory when their shard settles the next time, which is when a 32nd of it is new or an eighth is dead.
 */
export class SeenNullifiers {
  static readonly EMPTY = new SeenNullifiers(new Line(NaN, VERSION_LASTS), ONE_SHARD, 0, -Infinity);

  private constructor(
    private readonly line: Line,
    private readonly shards: Shards,
    /** All that this version was ever given. */
    private readonly additions: number,
    private readonly floor: number,
  ) {}

  /** What is allocated for this version, in bytes; other versions share most of it. */
  get bytes(): number {
    return distinct(this.shards).reduce((sum, { settled, young }) => sum + (settled?.bytes ?? 0) + young.bytes, 0);
  }

  /** The newest verified event that used this nullifier, unless its epoch is below the floor. */
  get(nullifier: Buffer): Seen | undefined {
    const key = keyOf(nullifier);
    const { settled, young } = shardOf(this.shards, key.head);
    const i = young.find(key, young.lengthAt(this.additions), this.floor);
    if (i >= 0) return young.seen(i);
    const at = settled?.find(key, this.floor) ?? -1;
    return at >= 0 ? settled!.seen(at) : undefined;
  }

  /** This map and one nullifier more, at a floor that is not below the present one. */
  with(nullifier: Buffer, seen: Seen, floor: number): SeenNullifiers {
    return this.extend(nullifier, seen, floor, VERSION_LASTS);
  }

  /** Fills a map from nothing, as {@link with} would one by one. No version on the way lasts. After `done` it begins anew. */
  static filling(): { add(nullifier: Buffer, seen: Seen, floor: number): void; done(): SeenNullifiers } {
    let map = SeenNullifiers.EMPTY;
    return {
      add: (nullifier, seen, floor) => { map = map.extend(nullifier, seen, floor, 0); },
      done: () => {
        const filled = map;
        filled.line.grace = VERSION_LASTS;
        map = SeenNullifiers.EMPTY;
        return filled;
      },
    };
  }

  /** @param lasts for a new line, how many additions a version lasts */
  private extend(nullifier: Buffer, seen: Seen, floor: number, lasts: number): SeenNullifiers {
    const { additions } = this;
    const isNewest = this.line.newest === additions;
    const line = isNewest ? this.line : new Line(additions, lasts);
    let shards = isNewest ? this.shards : this.branch();
    const looked = shards[additions % shards.length]!;
    if (isThin(looked, floor)) shards = settle(shards, looked, floor, line);
    const key = keyOf(nullifier);
    let shard = shardOf(shards, key.head);
    if (shard.young.length === shard.young.capacity) {
      shards = settle(shards, shard, floor, line);
      shard = shardOf(shards, key.head);
    }
    shard.young.append(key, seen, additions);
    line.advance();
    return new SeenNullifiers(line, shards, additions + 1, floor);
  }

  /** The shards for a line of their own: shared with the present one, but for young parts that have entries of later versions. */
  private branch(): Shards {
    const branched = new Map(distinct(this.shards).map((shard) => {
      const { settled, young } = shard;
      settled?.pin();
      return [shard, { ...shard, young: young.copy(young.lengthAt(this.additions)) }];
    }));
    return this.shards.map((shard) => branched.get(shard)!);
  }

  /** Live entries: the bytes of the nullifier and of the hash that count, which `with` takes for the same map, and what is known. */
  *entries(): Generator<[Buffer, Seen]> {
    for (const { settled, young } of distinct(this.shards)) {
      if (settled !== null) {
        const heads = new Uint32Array(settled.length);
        settled.read(heads, new Int32Array(settled.length), 0);
        for (const [i, head] of heads.entries()) if (settled.epochOf(i) >= this.floor) yield [settled.keyBytes(i, head), settled.seen(i)];
      }
      const length = young.lengthAt(this.additions);
      for (let i = 0; i < length; i++) {
        if (young.epochOf(i) >= this.floor) yield [young.keyBytes(i), young.seen(i)];
      }
    }
  }
}

/** Whether a record with this hash is the one that was seen, as far as {@link Seen.hash} tells. */
export function isSameRecord(seen: Seen, hash: Buffer): boolean {
  return seen.hash.compare(hash, 0, SEEN_HASH_BYTES, 0, SEEN_HASH_BYTES) === 0;
}
