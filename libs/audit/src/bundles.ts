import { decodeEntryBundle, leafTile, TILE_WIDTH, type TileSource } from '#libs/log';
import { AtsError } from '#libs/errors';

/** Bundles that are asked for before they are needed: hides the latency of a log that is read by HTTP. */
const AHEAD = 16;

/** Entries of a log, 256 at a time, and the tile of their hashes as it was published. */
export interface Bundle {
  readonly index: number;
  readonly entries: readonly Buffer[];
  /** Recomputed from the entries. */
  readonly hashes: Buffer;
  /** As published; an error of its own when it is missing or no tile. */
  readonly tile: Buffer | AtsError;
}

/** Bundles of a log of `size` entries from `first` on. @throws what the source throws for entries; AtsError ATS_TILE_CORRUPT */
export async function* readBundles(tiles: TileSource, size: number, first: number): AsyncGenerator<Bundle, void, undefined> {
  const count = Math.ceil(size / TILE_WIDTH);
  const asked: Promise<Bundle>[] = [];
  let next = first;
  try {
    for (let index = first; index < count; index++) {
      while (next < count && next < index + AHEAD) {
        const bundle = readBundle(tiles, next, Math.min(TILE_WIDTH, size - next * TILE_WIDTH));
        bundle.catch(() => undefined); // told when its turn comes
        asked.push(bundle);
        next++;
      }
      yield await asked.shift()!;
    }
  } finally {
    await Promise.allSettled(asked);
  }
}

async function readBundle(tiles: TileSource, index: number, width: number): Promise<Bundle> {
  const [bytes, tile] = await Promise.all([
    tiles.entries(index, width),
    tiles.tile(0, index, width).catch((error: unknown) => {
      if (error instanceof AtsError && error.code !== 'ATS_LOG_UNREACHABLE') return error;
      throw error;
    }),
  ]);
  const entries = decodeEntryBundle(bytes, width);
  return { index, entries, hashes: leafTile(entries), tile };
}
