/** A nullifier of a verified event. */
export interface Seen {
  readonly epoch: number;
  /** Offset and hash of the source record, to tell a resend from a replay. */
  readonly offset: number;
  readonly hash: Buffer;
}

interface Log {
  readonly keys: string[];
  readonly index: Map<string, { readonly position: number; readonly seen: Seen }>;
}

const SMALLEST_CAPACITY = 1024;

/**
 * An immutable map of nullifiers with O(1) look-up and addition: versions share one append-only log and each sees its first `length` entries.
 * Entries below the epoch floor are absent, and leave memory when the log is copied, which happens each time it has doubled.
 */
export class SeenNullifiers {
  static readonly EMPTY = new SeenNullifiers({ keys: [], index: new Map() }, 0, 0, SMALLEST_CAPACITY);

  private constructor(
    private readonly log: Log,
    private readonly length: number,
    private readonly floor: number,
    private readonly capacity: number,
  ) {}

  /** The verified event that used this nullifier, unless its epoch is below the floor. */
  get(nullifier: Buffer): Seen | undefined {
    const entry = this.log.index.get(nullifier.toString('latin1'));
    return entry !== undefined && entry.position < this.length && entry.seen.epoch >= this.floor ? entry.seen : undefined;
  }

  /** This map and one nullifier more, at a floor that is not below the present one. */
  with(nullifier: Buffer, seen: Seen, floor: number): SeenNullifiers {
    const key = nullifier.toString('latin1');
    const shared = this.log.keys.length === this.length && this.length < this.capacity && !this.log.index.has(key);
    const log = shared ? this.log : this.copy(floor, key);
    log.index.set(key, { position: log.keys.length, seen });
    log.keys.push(key);
    return new SeenNullifiers(log, log.keys.length, floor, shared ? this.capacity : Math.max(SMALLEST_CAPACITY, 2 * log.keys.length));
  }

  /** Live entries, newest last: nullifier (32 bytes) and what is known of it. */
  *entries(): Generator<[Buffer, Seen]> {
    for (const key of this.log.keys.slice(0, this.length)) {
      const seen = this.get(Buffer.from(key, 'latin1'));
      if (seen !== undefined) yield [Buffer.from(key, 'latin1'), seen];
    }
  }

  private copy(floor: number, except: string): Log {
    const log: Log = { keys: [], index: new Map() };
    for (const key of this.log.keys.slice(0, this.length)) {
      const { seen } = this.log.index.get(key)!;
      if (key === except || seen.epoch < floor) continue;
      log.index.set(key, { position: log.keys.length, seen });
      log.keys.push(key);
    }
    return log;
  }
}
