import { EMPTY_ROOT, hashesRoot } from '#libs/log';

const HASH_BYTES = 32;
const TILE_BYTES = 256 * HASH_BYTES;

/** A tile as the entries make it. */
export interface RecomputedTile {
  readonly level: number;
  readonly index: number;
  readonly hashes: Buffer;
}

export interface TileTreeState {
  readonly bundles: number;
  readonly levels: readonly Buffer[];
}

/**
 * Every tile and every root of a log, from its leaves alone: of each level of tiles above the leaves the hashes of the one that is not full yet.
 * The roots of full tiles are the hashes of the level above (tlog-tiles); any tree's root is the fold of the unfinished tiles.
 */
export class TileTree {
  #bundles: number;
  /** At i, the unfinished tile of level i + 1. */
  readonly #levels: Buffer[];

  constructor(state: TileTreeState = { bundles: 0, levels: [] }) {
    this.#bundles = state.bundles;
    this.#levels = state.levels.map((hashes) => Buffer.from(hashes));
  }

  /** Full bundles so far. */
  get bundles(): number { return this.#bundles; }

  /** The root with these leaves (0 to 256 hashes) behind the full bundles. */
  rootWith(leaves: Buffer): Buffer {
    let carry = leaves.length > 0 ? hashesRoot(leaves) : undefined;
    for (const level of this.#levels) {
      const hashes = carry === undefined ? level : Buffer.concat([level, carry]);
      if (hashes.length > 0) carry = hashesRoot(hashes);
    }
    return carry ?? Buffer.from(EMPTY_ROOT);
  }

  /** Takes the hashes of the next full bundle; returns the tiles above the leaves that it has completed. */
  append(leaves: Buffer): RecomputedTile[] {
    if (leaves.length !== TILE_BYTES) throw new RangeError(`${leaves.length} bytes are no full tile`);
    this.#bundles++;
    const completed: RecomputedTile[] = [];
    let root = hashesRoot(leaves);
    let index = this.#bundles - 1;
    for (let level = 1; ; level++) {
      const hashes = Buffer.concat([this.#levels[level - 1] ?? Buffer.alloc(0), root]);
      index = Math.floor(index / 256);
      if (hashes.length < TILE_BYTES) {
        this.#levels[level - 1] = hashes;
        return completed;
      }
      completed.push({ level, index, hashes });
      this.#levels[level - 1] = Buffer.alloc(0);
      root = hashesRoot(hashes);
    }
  }

  /** The tiles above the leaves that are not full: what a log of this size publishes as partial tiles. */
  unfinished(): RecomputedTile[] {
    let index = this.#bundles;
    return this.#levels.flatMap((hashes, i) => {
      index = Math.floor(index / 256);
      return hashes.length > 0 ? [{ level: i + 1, index, hashes }] : [];
    });
  }

  state(): TileTreeState {
    return { bundles: this.#bundles, levels: this.#levels.map((hashes) => Buffer.from(hashes)) };
  }
}
