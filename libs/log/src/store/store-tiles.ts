/** The tiles of a committed head: full ones from the folder, the right edge from memory. */
import { join } from 'node:path';
import { AtsError } from '#libs/errors';
import { HASH_BYTES } from '../rfc6962.js';
import { decodeEntryBundle, TILE_WIDTH, type TileSource } from '../tlog-tiles.js';
import { storeError, type Disk } from './disk.js';
import { fullTiles, pathIn, type Row } from './layout.js';
import { bundlePrefix, type RightEdge } from './right-edge.js';

export class StoreTiles implements TileSource {
  /** @param edge the committed one at the time of the call */
  constructor(private readonly disk: Disk, private readonly folder: string, private readonly edge: () => RightEdge) {}

  async tile(level: number, index: number, width: number): Promise<Buffer> {
    const row: Row = { kind: 'tile', level };
    const { size, levels } = this.edge();
    const partial = index === fullTiles(row, size) ? (levels[level] ?? Buffer.alloc(0)) : undefined;
    const tile = partial ?? await this.#read(row, index);
    if (partial === undefined && tile.length !== TILE_WIDTH * HASH_BYTES) throw this.#corrupt(row, index, `${tile.length} bytes`);
    if (tile.length < width * HASH_BYTES) throw this.#missing(row, index, width);
    return tile.subarray(0, width * HASH_BYTES);
  }

  async entries(index: number, width: number): Promise<Buffer> {
    const row: Row = { kind: 'entries', level: 0 };
    const { size, tail, tailWidth } = this.edge();
    const partial = index === fullTiles(row, size) ? tail : undefined;
    if (partial !== undefined && width > tailWidth) throw this.#missing(row, index, width);
    if (partial !== undefined) return bundlePrefix(partial, width);
    const bundle = await this.#read(row, index);
    decodeEntryBundle(bundle, TILE_WIDTH);
    return bundlePrefix(bundle, width);
  }

  async #read(row: Row, index: number): Promise<Buffer> {
    if (index >= fullTiles(row, this.edge().size)) throw this.#missing(row, index, TILE_WIDTH);
    const bytes = await this.disk.read(join(this.folder, pathIn(row, index, TILE_WIDTH))).catch((error: unknown) => { throw storeError(error, this.folder); });
    if (bytes === undefined) throw this.#missing(row, index, TILE_WIDTH);
    return bytes;
  }

  #missing(row: Row, index: number, width: number): AtsError {
    return new AtsError('ATS_TILE_MISSING', join(this.folder, pathIn(row, index, width)));
  }

  #corrupt(row: Row, index: number, why: string): AtsError {
    return new AtsError('ATS_TILE_CORRUPT', `${join(this.folder, pathIn(row, index, TILE_WIDTH))}: ${why}`);
  }
}
