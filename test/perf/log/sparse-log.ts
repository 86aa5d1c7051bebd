/** A log of many entries of which only the right edge is there: what appending needs, without the time and room of the rest. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { hashesRoot } from '../../../libs/log/src/rfc6962.js';
import { encodeEntryBundle, entriesPath, leafTile, TILE_WIDTH, tilePath } from '../../../libs/log/src/tlog-tiles.js';
import { LogStore } from '../../../libs/log/src/store/log-store.js';
import { edgeWidths, RightEdge } from '../../../libs/log/src/store/right-edge.js';
import { encodeState } from '../../../libs/log/src/store/state-file.js';

/**
 * Makes a store at `dir` as if `size` entries (those of `entry`) had been appended. Tiles left of the edge are absent, and the hashes that stand for
 * them are made up.
 */
export async function createSparseLog({ dir, origin, size, entry }: { dir: string; origin: string; size: number; entry: (index: number) => Buffer }): Promise<void> {
  await LogStore.create({ dir, origin });
  const put = (path: string, bytes: Buffer): void => {
    mkdirSync(dirname(join(dir, 'public', path)), { recursive: true });
    writeFileSync(join(dir, 'public', path), bytes);
  };
  const entries = (from: number, to: number): Buffer[] => Array.from({ length: to - from }, (_, i) => entry(from + i));

  const tailFrom = size - (size % TILE_WIDTH);
  const levels: Buffer[] = [leafTile(entries(tailFrom, size))];
  let full = tailFrom / TILE_WIDTH;
  let lastFull: Buffer = Buffer.alloc(0);
  if (full > 0) {
    const bundle = entries(tailFrom - TILE_WIDTH, tailFrom);
    put(entriesPath(full - 1, TILE_WIDTH), encodeEntryBundle(bundle));
    put(tilePath(0, full - 1, TILE_WIDTH), (lastFull = leafTile(bundle)));
  }
  for (const [level, width] of edgeWidths(size).entries()) {
    if (level === 0) continue;
    // up to the last full tile of the level below, whose root closes what stands here
    const made = (count: number): Buffer => Buffer.concat([...Array.from({ length: count - 1 }, (_, i) => leafTile([Buffer.from(`${level}/${i}`)])), hashesRoot(lastFull)]);
    const above = Math.floor(full / TILE_WIDTH);
    levels[level] = width > 0 ? made(width) : Buffer.alloc(0);
    if (above > 0) {
      const tile = width > 0 ? leafTile(entries(0, TILE_WIDTH)) : made(TILE_WIDTH);
      put(tilePath(level, above - 1, TILE_WIDTH), tile);
      lastFull = tile;
    }
    full = above;
  }
  const edge = RightEdge.of(size, Buffer.concat(levels), encodeEntryBundle(entries(tailFrom, size)));
  writeFileSync(join(dir, 'state', '2'.padStart(16, '0')), encodeState({ edge, nextOffset: BigInt(size), published: 0 }));
}
