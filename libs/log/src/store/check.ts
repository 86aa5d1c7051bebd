/** What a store must be before anything is appended to it: the committed edge fits the tiles, and the published checkpoint fits the tree. */
import { join } from 'node:path';
import { AtsError } from '#libs/errors';
import { HASH_BYTES, hashesRoot } from '../rfc6962.js';
import { parseNote } from '../signed-note.js';
import { parseCheckpoint, type Checkpoint } from '../tlog-checkpoint.js';
import { decodeEntryBundle, leafTile, TILE_WIDTH, type TileSource } from '../tlog-tiles.js';
import { rootFromTiles } from '../tree-from-tiles.js';
import { fullTiles, pathIn, rowsOf } from './layout.js';
import type { RightEdge } from './right-edge.js';

/**
 * The last full tile of each level hashes to the last hash of the level above, and the last full bundle to its tile.
 * @throws AtsError ATS_LOG_DAMAGED
 */
export async function checkEdge(edge: RightEdge, tiles: TileSource, publicDir: string): Promise<void> {
  for (const row of rowsOf(edge.size)) {
    const count = fullTiles(row, edge.size);
    if (count === 0) continue;
    const file = join(publicDir, pathIn(row, count - 1, TILE_WIDTH));
    const holds = await asDamage(file, async () => {
      if (row.kind === 'entries') {
        const leaves = leafTile(decodeEntryBundle(await tiles.entries(count - 1, TILE_WIDTH), TILE_WIDTH));
        return leaves.equals(await tiles.tile(0, count - 1, TILE_WIDTH));
      }
      const place = (count - 1) % TILE_WIDTH;
      const above = await tiles.tile(row.level + 1, Math.floor((count - 1) / TILE_WIDTH), place + 1);
      return hashesRoot(await tiles.tile(row.level, count - 1, TILE_WIDTH)).equals(above.subarray(place * HASH_BYTES));
    });
    if (!holds) throw new AtsError('ATS_LOG_DAMAGED', `${file} is not what the tree holds there`);
  }
}

/**
 * What a note claims, as far as the store can tell: of this log, at most its head, and with the root that its tiles have for that size.
 * Signatures are its caller's to check.
 * @throws AtsError ATS_NOTE_MALFORMED, ATS_CHECKPOINT_MALFORMED, ATS_CHECKPOINT_FOREIGN, ATS_LOG_FORKED
 */
export async function readCheckpoint(note: Buffer, { origin, edge, tiles, where }: { origin: string; edge: RightEdge; tiles: TileSource; where: string }): Promise<Checkpoint> {
  const checkpoint = parseCheckpoint(parseNote(note).text);
  if (checkpoint.origin !== origin) throw new AtsError('ATS_CHECKPOINT_FOREIGN', `${where} is of ${JSON.stringify(checkpoint.origin.slice(0, 80))}, not of ${origin}`);
  if (checkpoint.size > edge.size) throw new AtsError('ATS_LOG_FORKED', `${where} has ${checkpoint.size} entries, the log ${edge.size}`);
  const root = checkpoint.size === edge.size ? edge.root : await rootFromTiles(checkpoint.size, tiles);
  if (!root.equals(checkpoint.root)) throw new AtsError('ATS_LOG_FORKED', `${where} has another root for ${checkpoint.size} entries than the log`);
  return checkpoint;
}

async function asDamage(file: string, read: () => Promise<boolean>): Promise<boolean> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof AtsError)) throw error;
    throw new AtsError('ATS_LOG_DAMAGED', `${file}: ${error.why}`, { cause: error });
  }
}
