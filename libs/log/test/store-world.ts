/** What the tests of the store believe: the entries, their roots by another code than the store's, and what readers of the served folder see. */
import { join } from 'node:path';
import { CompactTree } from '../src/compact-tree.js';
import { EMPTY_ROOT, HASH_BYTES, leafHash, type TreeHead } from '../src/rfc6962.js';
import { generateLogKey, noteSigner, parseNote, signNote } from '../src/signed-note.js';
import { formatCheckpoint, parseCheckpoint, type Checkpoint } from '../src/tlog-checkpoint.js';
import { decodeEntryBundle, entriesPath, leafTile, TILE_HEIGHT, TILE_WIDTH, tilePath, tileWidth, type TileSource } from '../src/tlog-tiles.js';
import { rootFromTiles } from '../src/tree-from-tiles.js';
import type { ModelDisk } from './store-model-disk.js';

export const ORIGIN = 'log.example/store';
const signer = noteSigner(generateLogKey(ORIGIN).privateKey);

export const sign = (head: TreeHead, origin = ORIGIN): Buffer => signNote(formatCheckpoint({ ...head, origin }), [signer]);
export const read = (note: Buffer): Checkpoint => parseCheckpoint(parseNote(note).text);

const branches: Buffer[][] = [];
/** Entries of a history; each `branch` has others. */
export function entriesOf(from: number, to: number, branch = 0): Buffer[] {
  const made = (branches[branch] ??= []);
  for (let i = made.length; i < to; i++) made.push(Buffer.from(`entry ${i} of ${branch} ${'.'.repeat(i % 7)}`));
  return made.slice(from, to);
}

/** The root of entries, by the compact tree. */
export function rootOfEntries(entries: readonly Buffer[]): Buffer {
  const tree = new CompactTree();
  for (const entry of entries) tree.append(leafHash(entry));
  return tree.root();
}

const tileRoots: Buffer[] = [];
/** The same of a history that parts from branch 0 at `fork`; what both have in common is hashed once. */
export function rootOfFork(fork: number, size: number): Buffer {
  const tree = new CompactTree();
  for (let index = 0; (index + 1) * TILE_WIDTH <= fork; index++) {
    tree.appendSubtree(TILE_HEIGHT, tileRoots[index] ??= rootOfEntries(entriesOf(index * TILE_WIDTH, (index + 1) * TILE_WIDTH)));
  }
  for (const entry of [...entriesOf(tree.size, fork), ...entriesOf(Math.max(fork, tree.size), size, 1)]) tree.append(leafHash(entry));
  return tree.root();
}

/** The served folder as a client of tlog-tiles reads it, with its fallback to full tiles. */
export class SeenTiles implements TileSource {
  constructor(private readonly disk: ModelDisk, private readonly folder: string) {}

  async tile(level: number, index: number, width: number): Promise<Buffer> {
    return this.#find(tilePath(level, index, width), tilePath(level, index, TILE_WIDTH)).subarray(0, width * HASH_BYTES);
  }

  async entries(index: number, width: number): Promise<Buffer> {
    return this.#find(entriesPath(index, width), entriesPath(index, TILE_WIDTH));
  }

  #find(...paths: string[]): Buffer {
    for (const path of paths) {
      const bytes = this.disk.peek(join(this.folder, path));
      if (bytes) return bytes;
    }
    throw new Error(`${paths[0]} is not served`);
  }
}

/** Every byte that a reader of this checkpoint asks for is there and hashes to its root, from the tile `firstTile` on. */
export async function assertServed(disk: ModelDisk, publicDir: string, { size, root }: TreeHead, firstTile = 0): Promise<void> {
  const tiles = new SeenTiles(disk, publicDir);
  if (!(await rootFromTiles(size, tiles)).equals(size === 0 ? EMPTY_ROOT : root)) throw new Error(`the tiles have another root for ${size} entries`);
  for (let index = firstTile; index * TILE_WIDTH < size; index++) {
    const width = tileWidth(0, index, size);
    const bundle = await tiles.entries(index, width);
    const found = decodeEntryBundle(bundle, bundleWidth(bundle)).slice(0, width);
    if (!leafTile(found).equals(await tiles.tile(0, index, width))) throw new Error(`bundle ${index} is not what its tile says`);
  }
}

function bundleWidth(bundle: Buffer): number {
  let width = 0;
  for (let at = 0; at < bundle.length; at += 2 + bundle.readUInt16BE(at)) width++;
  return width;
}

/** What readers saw of the checkpoint, one after the other: never smaller, never two roots for a size. */
export class Witness {
  readonly seen: Checkpoint[] = [];

  watch(disk: ModelDisk, checkpointFile: string): void {
    let last: Buffer | undefined;
    const look = (): void => {
      const note = disk.peek(checkpointFile);
      if (note === last || (last && note?.equals(last))) return;
      if (last && !note) throw new Error('the checkpoint is gone');
      last = note;
      if (note) this.#see(read(note));
    };
    look();
    disk.after = look;
  }

  #see(checkpoint: Checkpoint): void {
    const before = this.seen.at(-1);
    if (before && checkpoint.size < before.size) throw new Error(`${checkpoint.size} entries after ${before.size}`);
    const same = this.seen.find(({ size }) => size === checkpoint.size);
    if (same && !same.root.equals(checkpoint.root)) throw new Error(`two roots for ${checkpoint.size} entries`);
    this.seen.push(checkpoint);
  }
}

/** A generator of numbers in [0, 1) that a seed repeats (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
