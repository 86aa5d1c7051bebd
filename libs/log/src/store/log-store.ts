/** The log on disk: durable, one writer. docs/log.md names every step of a commit and what is synced when. */
import { join, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { AtsError } from '#libs/errors';
import type { TreeHead } from '../rfc6962.js';
import { MAX_ENTRY_BYTES, tileWidth, type TileSource } from '../tlog-tiles.js';
import { checkEdge, readCheckpoint } from './check.js';
import { createLog, type CreateLogParameters } from './create.js';
import { nodeDisk, storeError, type Disk } from './disk.js';
import type { FolderLock } from './folder-lock.js';
import { Generations, writeSynced } from './generations.js';
import { decodeIdentity, type Identity } from './identity.js';
import { fullTiles, layoutOf, pathIn, rowsOf, type Layout } from './layout.js';
import { PublicFiles, type PublicFile } from './public-files.js';
import type { RightEdge } from './right-edge.js';
import { Serial } from './serial.js';
import { decodeState, encodeState, type State } from './state-file.js';
import { StoreTiles } from './store-tiles.js';

/** The most entries of one {@link LogStore.append}. */
export const MAX_APPEND_ENTRIES = 65_536;

interface Parts { disk: Disk; layout: Layout; lock: FolderLock; identity: Identity; state: State; states: Generations; published: Generations }

export class LogStore {
  readonly #turns = new Serial();
  readonly #disk: Disk;
  readonly #layout: Layout;
  readonly #lock: FolderLock;
  readonly #identity: Identity;
  readonly #states: Generations;
  readonly #published: Generations;
  readonly #files: PublicFiles;
  readonly tiles: TileSource;
  #state: State;
  #publishedSize = 0;
  /** The checkpoint that readers see: `#published`, but for a moment. */
  #shown: Buffer | undefined;
  /** Something was written that no commit or publication covers; removed before the next one writes. */
  #unfinished = true;

  private constructor(parts: Parts) {
    this.#disk = parts.disk;
    this.#layout = parts.layout;
    this.#lock = parts.lock;
    this.#identity = parts.identity;
    this.#states = parts.states;
    this.#published = parts.published;
    this.#state = parts.state;
    this.#files = new PublicFiles(parts.disk, parts.layout);
    this.tiles = new StoreTiles(parts.disk, parts.layout.public, () => this.#state.edge);
  }

  /** Makes an empty log, or one whose entry 0 is given. Throws as {@link createLog} does. */
  static create(parameters: CreateLogParameters, disk: Disk = nodeDisk): Promise<void> {
    return createLog(disk, parameters);
  }

  /**
   * Takes the log for this process, checks it, and ends or discards what a crash left half done.
   * @throws AtsError ATS_LOG_MISSING, ATS_LOG_LOCKED, ATS_LOG_DAMAGED, ATS_LOG_FORKED, ATS_CHECKPOINT_MALFORMED or ATS_NOTE_MALFORMED (half a checkpoint),
   * ATS_CHECKPOINT_FOREIGN, ATS_LOG_DISK_FULL, ATS_LOG_DISK_FAILED
   */
  static async open({ dir }: { dir: string }, disk: Disk = nodeDisk): Promise<LogStore> {
    const layout = layoutOf(resolve(dir));
    return await told(layout.dir, async () => {
      const bytes = await disk.read(layout.identity);
      if (!bytes) throw new AtsError('ATS_LOG_MISSING', layout.dir);
      const identity = decodeIdentity(bytes, layout.identity);
      const lock = await disk.lock(layout.dir);
      try {
        return await LogStore.#openLocked(disk, layout, identity, lock);
      } catch (error) {
        await lock.release();
        throw error;
      }
    });
  }

  static async #openLocked(disk: Disk, layout: Layout, identity: Identity, lock: FolderLock): Promise<LogStore> {
    const states = await Generations.open(disk, layout.state, layout.staging);
    const published = await Generations.open(disk, layout.published, layout.staging);
    if (!states.value) throw new AtsError('ATS_LOG_DAMAGED', `${layout.state} holds no state`);
    const state = decodeState(states.value, layout.state);
    const store = new LogStore({ disk, layout, lock, identity, state, states, published });
    await checkEdge(state.edge, store.tiles, layout.public);
    await store.#resume();
    return store;
  }

  get origin(): string { return this.#identity.origin; }
  get firstIndex(): number { return this.#identity.firstIndex; }
  get firstOffset(): bigint { return this.#identity.firstOffset; }
  /** The committed tree: durable, and what may be signed. */
  get head(): TreeHead { return { size: this.#state.edge.size, root: this.#state.edge.root }; }
  /** Offset of the topic to read on from. */
  get nextOffset(): bigint { return this.#state.nextOffset; }
  /** The published checkpoint. */
  get checkpoint(): Buffer | undefined { return this.#published.value; }
  /** The folder that is served. */
  get publicDir(): string { return this.#layout.public; }

  /**
   * Adds entries to the tree, with the offset of the topic to read on from. Durable when it resolves; when it rejects, the store is as before and
   * the call may be repeated. Published by {@link publish} only.
   * @throws AtsError ATS_LOG_ENTRY_TOO_LARGE, ATS_LOG_DISK_FULL, ATS_LOG_DISK_FAILED, ATS_LOG_FORKED
   */
  append(entries: readonly Buffer[], nextOffset: bigint): Promise<TreeHead> {
    return this.#turn(async () => {
      const before = this.#state;
      if (entries.length > MAX_APPEND_ENTRIES) throw new RangeError(`${entries.length} entries; ${MAX_APPEND_ENTRIES} is the most at a time`);
      if (nextOffset < before.nextOffset) throw new RangeError(`offset ${nextOffset} lies before ${before.nextOffset}`);
      const large = entries.findIndex(({ length }) => length > MAX_ENTRY_BYTES);
      if (large !== -1) throw new AtsError('ATS_LOG_ENTRY_TOO_LARGE', `entry ${before.edge.size + large} would have ${entries[large]!.length}`);
      if (entries.length === 0 && nextOffset === before.nextOffset) return this.head;

      await this.#begin();
      const growing = new GrowingEdge(before.edge, entries);
      const grown = (): State => ({ edge: growing.edge, nextOffset, published: this.#publishedSize });
      await this.#files.place(growing, 'never', () => this.#states.prepare(encodeState(grown())));
      await this.#states.swap();
      this.#state = grown();
      this.#unfinished = false;
      await this.#afterwards(() => this.#states.dropOld());
      return this.head;
    });
  }

  /**
   * Makes a checkpoint the one that readers see: of this log, signed over a head that the store has or had, never smaller than the present one.
   * Durable before it is seen. The same size again is fine with the same root: more signatures.
   * @throws AtsError ATS_LOG_FORKED, ATS_CHECKPOINT_FOREIGN, ATS_CHECKPOINT_MALFORMED, ATS_NOTE_MALFORMED, ATS_LOG_DISK_FULL, ATS_LOG_DISK_FAILED
   */
  publish(note: Buffer): Promise<void> {
    return this.#turn(async () => {
      const { size } = await this.#read(note, 'the checkpoint to publish');
      const before = this.#publishedSize;
      if (size < before) throw new AtsError('ATS_LOG_FORKED', `a checkpoint of ${size} entries was to replace one of ${before}`);
      await this.#begin();
      await this.#assertShown();
      const isNew = !this.#published.value?.equals(note);
      await this.#files.place(await this.#partials(size), 'same', async () => {
        if (isNew) await this.#published.prepare(note);
        await this.#stage(note);
      });
      if (isNew) await this.#published.swap();
      this.#publishedSize = size;
      await this.#show(note);
      this.#unfinished = false;
      await this.#afterwards(async () => {
        await this.#published.dropOld();
        await this.#files.sweepAfter(before, size);
      });
    });
  }

  /** Ends what is under way and gives the log back. */
  close(): Promise<void> {
    return this.#turns.run(() => this.#lock.release());
  }

  #turn<T>(action: () => Promise<T>): Promise<T> {
    return this.#turns.run(() => told(this.#layout.dir, action));
  }

  #read(note: Buffer, where: string) {
    return readCheckpoint(note, { origin: this.origin, edge: this.#state.edge, tiles: this.tiles, where });
  }

  /** Nobody else has written, and what an unfinished commit left is gone: a name that is taken from here on is another process's. */
  async #begin(): Promise<void> {
    await this.#states.assertNewest();
    await this.#published.assertNewest();
    if (this.#unfinished) await this.#discard();
    this.#unfinished = true;
  }

  async #discard(): Promise<void> {
    for (const name of await this.#disk.list(this.#layout.staging)) await this.#disk.remove(join(this.#layout.staging, name));
    await this.#files.discardBehind(this.#state.edge.size, MAX_APPEND_ENTRIES);
  }

  /** What a crash left: a checkpoint that was decided is shown, what no commit covers goes, partial tiles that full ones replaced go. */
  async #resume(): Promise<void> {
    const { published, checkpoint } = this.#layout;
    const note = this.#published.value;
    if (note) this.#publishedSize = (await this.#read(note, published)).size;
    if (this.#publishedSize < this.#state.published) {
      throw new AtsError('ATS_LOG_DAMAGED', `${published} has no checkpoint of ${this.#state.published} or more entries, as was published`);
    }
    this.#shown = await this.#disk.read(checkpoint);
    if (this.#shown && !await this.#published.has(this.#shown)) {
      await this.#read(this.#shown, checkpoint);
      throw new AtsError('ATS_LOG_FORKED', `${checkpoint} is none that this store published`);
    }
    await this.#begin();
    if (note) {
      await this.#stage(note);
      await this.#show(note);
    }
    await this.#states.dropOld();
    await this.#published.dropOld();
    await this.#files.sweep(this.#publishedSize);
    this.#unfinished = false;
  }

  /** The other half of the compare-and-swap: readers see what this process believes they see. */
  async #assertShown(): Promise<void> {
    const shown = await this.#disk.read(this.#layout.checkpoint);
    if (this.#shown ? !shown?.equals(this.#shown) : shown !== undefined) {
      throw new AtsError('ATS_LOG_FORKED', `${this.#layout.checkpoint} is not what this process published last: another one writes it`);
    }
  }

  #stage(note: Buffer): Promise<void> {
    return writeSynced(this.#disk, this.#staged(), note);
  }

  /** Lets readers see what {@link #stage} wrote. */
  async #show(note: Buffer): Promise<void> {
    await this.#published.assertNewest();
    await this.#disk.rename(this.#staged(), this.#layout.checkpoint);
    this.#shown = note;
    await this.#disk.syncFolder(this.#layout.public);
  }

  #staged(): string { return join(this.#layout.staging, 'checkpoint'); }

  /** The partial tiles and the partial bundle of the tree of `size` leaves. */
  async #partials(size: number): Promise<PublicFile[]> {
    const files: PublicFile[] = [];
    for (const row of rowsOf(size)) {
      const index = fullTiles(row, size);
      const width = tileWidth(row.level, index, size);
      if (width === 0) continue;
      files.push({ path: pathIn(row, index, width), bytes: row.kind === 'entries' ? await this.tiles.entries(index, width) : await this.tiles.tile(row.level, index, width) });
    }
    return files;
  }

  /** Tidying behind a commit that stands: its failure is none of the commit, and the next one begins with it. */
  async #afterwards(tidy: () => Promise<void>): Promise<void> {
    await tidy().catch(() => { this.#unfinished = true; });
  }
}

/** Entries that are hashed at one go, some milliseconds: the files before them are written meanwhile, and the process is not deaf for longer. */
const HASH_ENTRIES = 2_048;

/** The full files of entries that are appended to an edge, as they come; once they are all taken, the edge behind them. */
class GrowingEdge implements AsyncIterable<PublicFile> {
  constructor(public edge: RightEdge, private readonly entries: readonly Buffer[]) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<PublicFile> {
    for (let at = 0; at < this.entries.length; at += HASH_ENTRIES) {
      if (at > 0) await setImmediate();
      const { edge, full } = this.edge.append(this.entries.slice(at, at + HASH_ENTRIES));
      this.edge = edge;
      yield* full;
    }
  }
}

async function told<T>(dir: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw storeError(error, dir);
  }
}
