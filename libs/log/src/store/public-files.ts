/** Writing the served folder: a file appears under its name whole and synced, or not at all. */
import { dirname, join } from 'node:path';
import { AtsError } from '#libs/errors';
import { TILE_WIDTH } from '../tlog-tiles.js';
import { errnoOf, type Disk } from './disk.js';
import { foldersAbove, fullTiles, indexOfName, pathIn, rowsOf, type Layout, type Row } from './layout.js';
import { Pool } from './serial.js';
import { writeAllSynced, type StagedFile } from './staged-files.js';

/**
 * Files that are written and synced side by side. Enough that Node's pool of threads has syncs to make while this process hashes the next entries, and no
 * more: whatever else the process asks of the pool waits behind them.
 */
const TOGETHER = 32;

export interface PublicFile { readonly path: string; readonly bytes: Buffer }

/** Folders of files: made by this call, perhaps; and to sync once the files have their names. */
interface Folders { readonly made: Set<string>; readonly toSync: Set<string> }

export class PublicFiles {
  /** Folders whose names are known to survive a power cut. */
  readonly #durable = new Set<string>();

  constructor(private readonly disk: Disk, private readonly layout: Layout) {}

  /**
   * Makes the files, as they come, and their folders; they survive a power cut when it resolves. Bytes are synced before a name is given, so that what stands
   * in the served folder is always whole. While some are synced, the next ones are asked for. When it settles, nothing of it is under way.
   * @param taken what to make of a name that is there already: fine when it has the same bytes, or never
   * @param beside what is to be synced beside the last of them, once all have come
   * @throws AtsError ATS_LOG_FORKED when it is taken
   */
  async place(files: AsyncIterable<PublicFile> | Iterable<PublicFile>, taken: 'same' | 'never', beside: () => Promise<void>): Promise<void> {
    const folders: Folders = { made: new Set(), toSync: new Set() };
    const placing = new Pool(2);
    let together: StagedFile[] = [];
    let count = 0;
    try {
      for await (const { path, bytes } of files) {
        await this.#ensureFolders(path, folders);
        together.push({ staged: join(this.layout.staging, `file-${count++}`), path, bytes });
        if (together.length < TOGETHER) continue;
        await placing.finish();
        const full = together;
        placing.start(() => this.#make(full, taken));
        together = [];
      }
      await placing.finish();
      placing.start(() => this.#make(together, taken));
      placing.start(beside);
      await placing.finish();
    } finally {
      await placing.ended();
    }
    const syncing = new Pool(folders.toSync.size);
    for (const folder of folders.toSync) syncing.start(() => this.disk.syncFolder(join(this.layout.public, folder)));
    await syncing.finish();
    for (const folder of folders.made) this.#durable.add(folder);
  }

  /** Removes the full tiles and bundles that stand behind those of `size` leaves, from a commit of at most `entries` more that did not end. */
  async discardBehind(size: number, entries: number): Promise<void> {
    for (const row of rowsOf(size + entries)) {
      const from = fullTiles(row, size);
      for (const at of new Set([from, fullTiles(row, size + entries)].map((index) => index - (index % 1000)))) {
        for (const path of await this.#find(row, at, ({ partial, index }) => !partial && index >= from)) await this.disk.remove(path);
      }
    }
  }

  /** Removes the partial tiles and bundles whose full ones the published checkpoint of `size` leaves has, in the folders at its edge. */
  async sweep(size: number): Promise<void> {
    for (const row of rowsOf(size)) {
      const full = fullTiles(row, size);
      for (const at of new Set([Math.max(0, full - 1), full].map((index) => index - (index % 1000)))) {
        for (const path of await this.#find(row, at, ({ partial, index }) => partial && index < full)) await this.#removePartials(path);
      }
    }
  }

  /** As {@link sweep}, for the one tile of each row that a checkpoint of `before` leaves had partial. */
  async sweepAfter(before: number, size: number): Promise<void> {
    for (const row of rowsOf(before)) {
      const index = fullTiles(row, before);
      if (index < fullTiles(row, size)) await this.#removePartials(join(this.layout.public, `${pathIn(row, index, TILE_WIDTH)}.p`));
    }
  }

  /** @param folder `.../NNN.p` */
  async #removePartials(folder: string): Promise<void> {
    // a reader of an older checkpoint turns to the full one: it must be there
    if (await this.disk.read(folder.slice(0, -'.p'.length)) === undefined) return;
    for (const name of await this.disk.list(folder)) await this.disk.remove(join(folder, name));
    await this.disk.rmdir(folder).catch((error: unknown) => { if (errnoOf(error) !== 'ENOENT') throw error; });
  }

  /** What lies in the folder of the tile at `neighbour`. */
  async #find(row: Row, neighbour: number, wanted: (found: { index: number; partial: boolean }) => boolean): Promise<string[]> {
    const folder = join(this.layout.public, dirname(pathIn(row, neighbour, TILE_WIDTH)));
    return (await this.disk.list(folder)).filter((name) => {
      const found = indexOfName(name, neighbour);
      return found !== undefined && wanted(found);
    }).map((name) => join(folder, name));
  }

  /** Makes the folders of a file. To sync are its own, and the one above any whose name may not be durable yet. */
  async #ensureFolders(path: string, { made, toSync }: Folders): Promise<void> {
    const folders = foldersAbove(path);
    toSync.add(folders.at(-1)!);
    for (const folder of folders) {
      if (this.#durable.has(folder) || made.has(folder)) continue;
      await this.disk.mkdir(join(this.layout.public, folder)).catch((error: unknown) => { if (errnoOf(error) !== 'EEXIST') throw error; });
      made.add(folder);
      toSync.add(dirname(folder));
    }
  }

  async #make(files: readonly StagedFile[], taken: 'same' | 'never'): Promise<void> {
    await writeAllSynced(this.disk, files);
    for (const { staged, path, bytes } of files) {
      await this.#give(staged, path, bytes, taken);
      await this.disk.remove(staged);
    }
  }

  async #give(staged: string, path: string, bytes: Buffer, taken: 'same' | 'never'): Promise<void> {
    const target = join(this.layout.public, path);
    try {
      await this.disk.link(staged, target);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      if (taken === 'same' && (await this.disk.read(target))?.equals(bytes)) return;
      throw new AtsError('ATS_LOG_FORKED', `${target} is there, and another process wrote it`, { cause: error });
    }
  }
}
