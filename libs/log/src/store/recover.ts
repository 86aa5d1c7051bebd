/** The end of a log: its last checkpoint that still holds, where its topic parts from it, and the log that succeeds it. */
import { join, resolve } from 'node:path';
import { AtsError, isAtsError } from '#libs/errors';
import { CompactTree } from '../compact-tree.js';
import { HASH_BYTES, hashesRoot, leafHash, type TreeHead } from '../rfc6962.js';
import type { NoteVerifier } from '../signed-note.js';
import { DirectoryTiles } from '../tile-sources.js';
import { openCheckpoint, type Checkpoint } from '../tlog-checkpoint.js';
import { decodeEntryBundle, leafTile, TILE_HEIGHT, TILE_WIDTH, tileWidth, type TileSource } from '../tlog-tiles.js';
import { createLog } from './create.js';
import { nodeDisk } from './disk.js';
import type { FolderLock } from './folder-lock.js';
import { decodeIdentity, type Identity } from './identity.js';
import { layoutOf } from './layout.js';
import { LogStore } from './log-store.js';

export type SignedCheckpoint = Checkpoint & { readonly note: Buffer };

/** A record of the topic, as far as a leaf needs it. */
export interface TopicRecord { readonly offset: bigint; readonly value: Buffer | null }

export interface OpenEndedLogParameters {
  dir: string;
  /** Of the log's own key. */
  verifier: NoteVerifier;
  /** A checkpoint to end at; without it, the newest that holds. */
  checkpoint?: Buffer | undefined;
  onProgress?: (checked: number, size: number) => void;
}

/** A log that is to be succeeded. It is held, and only read, until {@link close}. */
export class EndedLog {
  private constructor(
    readonly identity: Identity, readonly checkpoint: SignedCheckpoint, readonly tiles: TileSource, private readonly lock: FolderLock,
  ) {}

  /**
   * Holds the log and finds its last good checkpoint: signed by its key, and with the root that all of its entries up to that size have, recomputed
   * from the entry bundles. Works on a log that can no longer be opened for writing.
   * @throws AtsError ATS_LOG_MISSING, ATS_LOG_LOCKED, ATS_LOG_DAMAGED when none of its checkpoints holds, ATS_LOG_RECOVERY_REFUSED when it has none
   */
  static async open({ dir: given, verifier, checkpoint, onProgress }: OpenEndedLogParameters): Promise<EndedLog> {
    const layout = layoutOf(resolve(given));
    const bytes = await nodeDisk.read(layout.identity);
    if (!bytes) throw new AtsError('ATS_LOG_MISSING', layout.dir);
    const identity = decodeIdentity(bytes, layout.identity);
    const lock = await nodeDisk.lock(layout.dir);
    try {
      const tiles = new DirectoryTiles(layout.public);
      const notes = checkpoint ? [checkpoint] : await notesOf(layout.checkpoint, layout.published);
      if (notes.length === 0) {
        throw new AtsError('ATS_LOG_RECOVERY_REFUSED', `${identity.origin} has published no checkpoint`, { todo: 'Nothing of it was promised to anybody. One that was just made to succeed another needs no recovery.' });
      }
      const { good, faults } = await lastGood(notes, verifier, tiles, onProgress);
      if (!good) throw new AtsError('ATS_LOG_DAMAGED', `${layout.dir}: no checkpoint holds: ${faults.join('; ')}`);
      return new EndedLog(identity, good, tiles, lock);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /**
   * Offset of the first record, of the topic from `identity.firstOffset` on, that the log has otherwise; else of the first one behind the last that the
   * checkpoint covers, or `end` when there is none.
   */
  async firstOffsetBehind(records: AsyncIterable<TopicRecord>, end: bigint): Promise<{ offset: bigint; index: number; diverges: boolean }> {
    const { size } = this.checkpoint;
    let index = this.identity.firstIndex;
    let leaves = Buffer.alloc(0) as Buffer;
    for await (const { offset, value } of records) {
      if (index >= size) return { offset, index, diverges: false };
      const at = index % TILE_WIDTH;
      if (leaves.length === 0 || at === 0) {
        const tile = Math.floor(index / TILE_WIDTH);
        leaves = await this.tiles.tile(0, tile, tileWidth(0, tile, size));
      }
      if (!leafHash(value ?? Buffer.alloc(0)).equals(leaves.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES))) return { offset, index, diverges: true };
      index++;
    }
    return { offset: end, index, diverges: false };
  }

  close(): Promise<void> {
    return this.lock.release();
  }
}

/**
 * Makes the log that succeeds `ended`: its entry 0 is the checkpoint's note, its topic begins at `firstOffset`. One that was made so before is left as it is.
 * @throws AtsError ATS_LOG_EXISTS when another log or anything else is there
 */
export async function createSuccessor({ ended, dir, origin, firstOffset }: { ended: Pick<EndedLog, 'checkpoint'>; dir: string; origin: string; firstOffset: bigint }): Promise<void> {
  const { note } = ended.checkpoint;
  try {
    await createLog(nodeDisk, { dir, origin, firstEntry: note, firstOffset });
  } catch (error) {
    if (!isAtsError(error, 'ATS_LOG_EXISTS')) throw error;
    const store = await LogStore.open({ dir }).catch(() => { throw error; });
    try {
      const [first] = decodeEntryBundle(await store.tiles.entries(0, 1), 1);
      if (store.origin !== origin || store.firstOffset !== firstOffset || !first!.equals(note)) throw error;
    } finally {
      await store.close();
    }
  }
}

/** What was published last, and what was to be when a crash came. */
async function notesOf(checkpoint: string, published: string): Promise<Buffer[]> {
  const files = [checkpoint, ...(await nodeDisk.list(published)).map((name) => join(published, name))];
  return (await Promise.all(files.map((file) => nodeDisk.read(file)))).filter((note) => note !== undefined);
}

async function lastGood(notes: readonly Buffer[], verifier: NoteVerifier, tiles: TileSource, onProgress?: OpenEndedLogParameters['onProgress']): Promise<{ good?: SignedCheckpoint; faults: string[] }> {
  const faults: string[] = [];
  const signed = new Map<number, SignedCheckpoint>();
  for (const note of notes) {
    try {
      const checkpoint = openCheckpoint(note, verifier);
      signed.set(checkpoint.size, checkpoint);
    } catch (error) {
      if (!isAtsError(error)) throw error;
      faults.push(error.why);
    }
  }
  for (const checkpoint of [...signed.values()].toSorted((a, b) => b.size - a.size)) {
    const fault = await faultOf(checkpoint, tiles, onProgress);
    if (fault === undefined) return { good: checkpoint, faults };
    faults.push(fault);
  }
  return { faults };
}

/** Why the entries do not have this head; undefined when they do. */
async function faultOf({ size, root }: TreeHead, tiles: TileSource, onProgress?: OpenEndedLogParameters['onProgress']): Promise<string | undefined> {
  const tree = new CompactTree();
  for (let index = 0; tree.size < size; index++) {
    const width = tileWidth(0, index, size);
    let tile: Buffer;
    try {
      tile = leafTile(decodeEntryBundle(await tiles.entries(index, width), width));
      if (!tile.equals(await tiles.tile(0, index, width))) return `entry bundle ${index} is not what its tile says`;
    } catch (error) {
      if (!isAtsError(error)) throw error;
      return error.why;
    }
    if (width === TILE_WIDTH) tree.appendSubtree(TILE_HEIGHT, hashesRoot(tile));
    else for (let i = 0; i < width; i++) tree.append(tile.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES));
    onProgress?.(tree.size, size);
  }
  return tree.root().equals(root) ? undefined : `the entries have another root for ${size} entries than the signed one`;
}
