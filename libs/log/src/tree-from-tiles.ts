/** RFC 6962, section 2.1, read from tiles: roots and proofs of any tree that they hold. The tiles are believed; a signed root is what proofs are checked against. */
import { AtsError } from '#libs/errors';
import { EMPTY_ROOT, HASH_BYTES, hashesRoot, nodeHash } from './rfc6962.js';
import { TILE_WIDTH, tileWidth, type TileSource } from './tlog-tiles.js';

/** Root of the tree of the first `size` leaves. */
export async function rootFromTiles(size: number, tiles: TileSource): Promise<Buffer> {
  checkSize(size);
  return size === 0 ? Buffer.from(EMPTY_ROOT) : new TreeReader(size, tiles).range(0, size);
}

/** From the sibling of leaf `index` up. @throws AtsError ATS_LOG_RANGE when the tree of `size` leaves has no such leaf; what `tiles` throws */
export async function inclusionProof(index: number, size: number, tiles: TileSource): Promise<Buffer[]> {
  checkSize(size);
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) throw new AtsError('ATS_LOG_RANGE', `no entry ${index} in a log of ${size}`);
  const tree = new TreeReader(size, tiles);
  const needed: Range[] = [];
  let [lo, hi] = [0, size];
  while (hi - lo > 1) {
    const middle = lo + split(hi - lo);
    const left = index < middle;
    needed.push(left ? [middle, hi] : [lo, middle]);
    [lo, hi] = left ? [lo, middle] : [middle, hi];
  }
  return tree.ranges(needed.toReversed());
}

/** Empty when one of the trees is empty or both are the same. @throws AtsError ATS_LOG_RANGE when `from` is above `to`; what `tiles` throws */
export async function consistencyProof(from: number, to: number, tiles: TileSource): Promise<Buffer[]> {
  checkSize(from);
  checkSize(to);
  if (from > to) throw new AtsError('ATS_LOG_RANGE', `a log of ${to} is no extension of one of ${from}`);
  if (from === 0 || from === to) return [];
  const needed: Range[] = [];
  let [lo, hi] = [0, to];
  while (hi !== from) {
    const middle = lo + split(hi - lo);
    const left = from <= middle;
    needed.push(left ? [middle, hi] : [lo, middle]);
    [lo, hi] = left ? [lo, middle] : [middle, hi];
  }
  // a complete old tree is its own first node
  if (lo !== 0) needed.push([lo, hi]);
  return new TreeReader(to, tiles).ranges(needed.toReversed());
}

/** The complete subtrees that a tree of `size` leaves is made of, largest (leftmost) first. */
export async function readEdge(size: number, tiles: TileSource): Promise<{ height: number; hash: Buffer }[]> {
  checkSize(size);
  const tree = new TreeReader(size, tiles);
  const parts: { height: number; range: Range }[] = [];
  for (let lo = 0, height = 52; height >= 0; height--) {
    if (size - lo < 2 ** height) continue;
    parts.push({ height, range: [lo, lo + 2 ** height] });
    lo += 2 ** height;
  }
  const hashes = await tree.ranges(parts.map(({ range }) => range));
  return parts.map(({ height }, i) => ({ height, hash: hashes[i]! }));
}

type Range = readonly [lo: number, hi: number];

/** One tree over its tiles, each read once. */
class TreeReader {
  readonly #tiles = new Map<string, Promise<Buffer>>();

  constructor(readonly size: number, readonly source: TileSource) {}

  ranges(ranges: readonly Range[]): Promise<Buffer[]> {
    return Promise.all(ranges.map(([lo, hi]) => this.range(lo, hi)));
  }

  /** MTH(D[lo:hi]) of a subtree of this tree. */
  async range(lo: number, hi: number): Promise<Buffer> {
    const width = split(hi - lo) * 2;
    if (hi - lo === 1 || hi - lo === width) return this.#complete(lo, hi - lo);
    const [left, right] = await this.ranges([[lo, lo + width / 2], [lo + width / 2, hi]]);
    return nodeHash(left!, right!);
  }

  /** Of 2^k leaves, lo being a multiple: hashes of one tile. */
  async #complete(lo: number, leaves: number): Promise<Buffer> {
    let level = 0;
    while (leaves >= TILE_WIDTH ** (level + 1)) level++;
    const span = TILE_WIDTH ** level;
    const first = lo / span;
    const index = Math.floor(first / TILE_WIDTH);
    const tile = await this.#tile(level, index);
    const at = (first - index * TILE_WIDTH) * HASH_BYTES;
    return hashesRoot(tile.subarray(at, at + (leaves / span) * HASH_BYTES));
  }

  #tile(level: number, index: number): Promise<Buffer> {
    const key = `${level}/${index}`;
    let tile = this.#tiles.get(key);
    if (!tile) this.#tiles.set(key, (tile = this.source.tile(level, index, tileWidth(level, index, this.size))));
    return tile;
  }
}

/** The largest power of two below `leaves` (RFC 6962's k); 1 for 2, and half of a power of two. */
function split(leaves: number): number {
  let k = 1;
  while (2 * k < leaves) k *= 2;
  return k;
}

function checkSize(size: number): void {
  if (!Number.isSafeInteger(size) || size < 0) throw new AtsError('ATS_LOG_RANGE', `no log has ${size} entries`);
}
