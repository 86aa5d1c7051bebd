/** The right edge of the tree: its partial tiles and its partial entry bundle. All that appending needs; immutable, so that a commit that fails has changed nothing. */
import { EMPTY_ROOT, HASH_BYTES, hashesRoot, type TreeHead } from '../rfc6962.js';
import { encodeEntryBundle, entriesPath, leafTile, TILE_WIDTH, tilePath } from '../tlog-tiles.js';

/** A full tile or entry bundle, by its path below the served folder. */
export interface FullFile { readonly path: string; readonly bytes: Buffer }

export class RightEdge implements TreeHead {
  /** @param levels hashes of the partial tile at each level, possibly none; @param tail the partial entry bundle, encoded */
  #root: Buffer | undefined;

  private constructor(readonly size: number, readonly levels: readonly Buffer[], readonly tail: Buffer) {}

  static readonly empty = new RightEdge(0, [], Buffer.alloc(0));

  /** As it was stored: the hashes of all levels, one behind the other. */
  static of(size: number, hashes: Buffer, tail: Buffer): RightEdge {
    let at = 0;
    const levels = edgeWidths(size).map((width) => hashes.subarray(at, at += width * HASH_BYTES));
    return new RightEdge(size, levels, tail);
  }

  get root(): Buffer { return this.#root ??= rootOf(this.levels); }

  /** Entries of the partial bundle: 0 to 255. */
  get tailWidth(): number { return this.size % TILE_WIDTH; }

  /** The edge with these entries, and the tiles and bundles that they fill. Copies what it keeps. */
  append(entries: readonly Buffer[]): { edge: RightEdge; full: FullFile[] } {
    const full: FullFile[] = [];
    const levels = [...this.levels];
    let { tail, size } = this;
    const push = (level: number, index: number, hashes: Buffer): void => {
      const tile = joined(levels[level], hashes);
      levels[level] = tile;
      if (tile.length < TILE_WIDTH * HASH_BYTES) return;
      full.push({ path: tilePath(level, index, TILE_WIDTH), bytes: tile });
      levels[level] = Buffer.alloc(0);
      push(level + 1, Math.floor(index / TILE_WIDTH), hashesRoot(tile));
    };
    for (let at = 0; at < entries.length;) {
      const taken = entries.slice(at, at + TILE_WIDTH - (size % TILE_WIDTH));
      const index = Math.floor(size / TILE_WIDTH);
      tail = joined(tail, encodeEntryBundle(taken));
      size += taken.length;
      at += taken.length;
      if (size % TILE_WIDTH === 0) {
        full.push({ path: entriesPath(index, TILE_WIDTH), bytes: tail });
        tail = Buffer.alloc(0);
      }
      push(0, index, leafTile(taken));
    }
    return { edge: new RightEdge(size, levels, tail), full };
  }
}

const joined = (before: Buffer | undefined, more: Buffer): Buffer => (before === undefined || before.length === 0 ? more : Buffer.concat([before, more]));

/** Hashes of the partial tile at each level of a tree of `size` leaves. */
export function edgeWidths(size: number): number[] {
  const widths: number[] = [];
  for (let rest = size; rest > 0; rest = Math.floor(rest / TILE_WIDTH)) widths.push(rest % TILE_WIDTH);
  return widths;
}

/** Root of the tree with these partial tiles: what lies below hangs behind the last hash of a level. */
function rootOf(levels: readonly Buffer[]): Buffer {
  let below: Buffer = Buffer.alloc(0);
  for (const level of levels) {
    const hashes = Buffer.concat([level, below]);
    if (hashes.length > 0) below = hashesRoot(hashes);
  }
  return below.length > 0 ? below : EMPTY_ROOT;
}

/** The first `width` entries of an encoded bundle. */
export function bundlePrefix(bundle: Buffer, width: number): Buffer {
  let at = 0;
  for (let i = 0; i < width; i++) at += 2 + bundle.readUInt16BE(at);
  return bundle.subarray(0, at);
}
