/** c2sp.org/tlog-tiles, the client's side: tiles from a folder, or over HTTP. A full tile serves for a partial one that is gone. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AtsError } from '#libs/errors';
import { boundedFetch, urlBelow } from './bounded-fetch.js';
import { HASH_BYTES } from './rfc6962.js';
import { decodeEntryBundle, entriesPath, MAX_ENTRY_BYTES, TILE_WIDTH, tilePath, type TileSource } from './tlog-tiles.js';

const tileBytes = TILE_WIDTH * HASH_BYTES;
const bundleBytes = TILE_WIDTH * (2 + MAX_ENTRY_BYTES);

abstract class Tiles implements TileSource {
  constructor(/** The log, for messages. */ readonly place: string) {}

  protected abstract read(path: string, maxBytes: number): Promise<Buffer | undefined>;

  async tile(level: number, index: number, width: number): Promise<Buffer> {
    const found = await this.#find((of) => tilePath(level, index, of), width, tileBytes);
    if (found.bytes.length !== found.width * HASH_BYTES) throw this.#corrupt(found.path, `${found.bytes.length} bytes, not ${found.width} hashes`);
    return found.bytes.subarray(0, width * HASH_BYTES);
  }

  async entries(index: number, width: number): Promise<Buffer> {
    const found = await this.#find((of) => entriesPath(index, of), width, bundleBytes);
    if (found.width === width) return found.bytes;
    let bytes = 0;
    for (const { length } of decodeEntryBundle(found.bytes, found.width).slice(0, width)) bytes += 2 + length;
    return found.bytes.subarray(0, bytes);
  }

  async #find(pathOf: (width: number) => string, width: number, maxBytes: number): Promise<{ path: string; bytes: Buffer; width: number }> {
    for (const of of width === TILE_WIDTH ? [width] : [width, TILE_WIDTH]) {
      const path = pathOf(of);
      const bytes = await this.read(path, maxBytes);
      if (bytes) return { path, bytes, width: of };
    }
    throw new AtsError('ATS_TILE_MISSING', `${pathOf(width)} of ${this.place}`);
  }

  #corrupt(path: string, why: string): AtsError {
    return new AtsError('ATS_TILE_CORRUPT', `${path} of ${this.place}: ${why}`);
  }
}

/** The served folder of a log, or an archive of it. */
export class DirectoryTiles extends Tiles {
  constructor(readonly dir: string) {
    super(dir);
  }

  protected override async read(path: string): Promise<Buffer | undefined> {
    try {
      return await readFile(join(this.dir, path));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new AtsError('ATS_TILE_MISSING', `${path} of ${this.dir} (${(error as NodeJS.ErrnoException).code})`, { cause: error });
    }
  }
}

/** A log's URL prefix. @throws a TypeError for a text that is no URL */
export class HttpTiles extends Tiles {
  constructor(readonly url: string, readonly timeoutMs = 10_000) {
    super(new URL(url).href);
  }

  /** The signed note at `<prefix>/checkpoint`, unverified. @throws AtsError as {@link TileSource} does */
  async checkpoint(): Promise<Buffer> {
    const note = await this.read('checkpoint', 1_000_000);
    if (!note) throw new AtsError('ATS_TILE_MISSING', `checkpoint of ${this.place}`);
    return note;
  }

  protected override async read(path: string, maxBytes: number): Promise<Buffer | undefined> {
    const url = urlBelow(this.url, path);
    const unreachable = (why: string, cause?: unknown) => new AtsError('ATS_LOG_UNREACHABLE', `${url.href}: ${why}`, { cause });
    let answer;
    try {
      answer = await boundedFetch(url, { maxBytes, timeoutMs: this.timeoutMs });
    } catch (cause) {
      throw unreachable((cause as Error).message, cause);
    }
    if (answer.status === 404 || answer.status === 410) return undefined;
    if (answer.status !== 200) throw unreachable(`HTTP ${answer.status}`);
    return answer.body;
  }
}
