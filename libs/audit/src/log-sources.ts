import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AtsError } from '#libs/errors';
import { DirectoryTiles, HttpTiles } from '#libs/log';
import type { LogSource } from './sources.js';

/** A log at its URL prefix. @throws a TypeError for a text that is no URL */
export function httpLog(url: string, timeoutMs?: number): LogSource {
  const tiles = new HttpTiles(url, timeoutMs);
  return { tiles, checkpoint: () => tiles.checkpoint() };
}

/** The served folder of a log, or a copy of it. */
export function directoryLog(dir: string): LogSource {
  return {
    tiles: new DirectoryTiles(dir),
    async checkpoint() {
      try {
        return await readFile(join(dir, 'checkpoint'));
      } catch (cause) {
        throw new AtsError('ATS_TILE_MISSING', `checkpoint of ${dir} (${(cause as NodeJS.ErrnoException).code})`, { cause });
      }
    },
  };
}
