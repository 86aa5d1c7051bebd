import { AtsError } from '#libs/errors';
import { entriesPath, rootFromTiles, TILE_WIDTH, tilePath, tileWidth, type Checkpoint, type TileSource } from '#libs/log';
import type { ArchiveFolder } from './archive-folder.js';

/** Where the log's served folder lies in the archive. */
export const LOG_FOLDER = 'log';

/** Tiles that are under way at once: HTTP has its round trips. */
const AT_ONCE = 16;

/**
 * Copies what a server of the log serves for a checkpoint: the note, every tile of that tree and every entry bundle, byte for byte, as tlog-tiles names them.
 * Nothing is written any more when it throws.
 * @throws AtsError ATS_TILE_CORRUPT when the tiles lead to another root
 */
export async function exportLog(folder: ArchiveFolder, tiles: TileSource, { origin, size, root, note }: Checkpoint & { note: Buffer }, onProgress?: (done: number, total: number) => void): Promise<void> {
  const work = tilesOf(size);
  const total = Math.ceil(size / TILE_WIDTH);
  let done = 0;
  let failed = false;
  const copy = async () => {
    for (const { level, index, width } of work) {
      if (failed) return;
      if (level === 'entries') {
        await folder.put(`${LOG_FOLDER}/${entriesPath(index, width)}`, await tiles.entries(index, width));
        onProgress?.(++done, total);
      } else await folder.put(`${LOG_FOLDER}/${tilePath(level, index, width)}`, await tiles.tile(level, index, width));
    }
  };
  // One iterator for all of them. Nobody writes any more when the first error is told: the folder can be taken away then.
  const copies = await Promise.allSettled(Array.from({ length: AT_ONCE }, () => copy().catch((error: unknown) => {
    failed = true;
    throw error;
  })));
  for (const each of copies) if (each.status === 'rejected') throw each.reason;
  await folder.put(`${LOG_FOLDER}/checkpoint`, note);
  const computed = await rootFromTiles(size, tiles);
  if (!computed.equals(root)) throw new AtsError('ATS_TILE_CORRUPT', `the tiles of ${origin} lead to another root than its checkpoint of size ${size}`);
}

/** Every tile and bundle of a tree, one at a time. */
function* tilesOf(size: number): Generator<{ level: number | 'entries'; index: number; width: number }, void, undefined> {
  for (let level = 0; size >= TILE_WIDTH ** level; level++) {
    for (let index = 0; tileWidth(level, index, size) > 0; index++) {
      const width = tileWidth(level, index, size);
      if (level === 0) yield { level: 'entries', index, width };
      yield { level, index, width };
    }
  }
}
