import { encodeEntryBundle, hashesRoot, leafHash, TILE_WIDTH } from '#libs/log';

/** One file of the tree with the bytes that it must have. A bundle of entries has level 'entries'. */
export interface TreeFile {
  readonly level: number | 'entries';
  readonly index: number;
  /** Hashes or entries in it, 1 to 256. */
  readonly width: number;
  readonly bytes: Buffer;
}

/** Makes every tile and entry bundle of a tree from its entries alone, each as soon as it is full. Holds one tile a level. */
export class TreeRebuild {
  size = 0;
  #entries: Buffer[] = [];
  readonly #levels: Buffer[][] = [[]];

  /** The files that this entry completes. */
  add(entry: Buffer): TreeFile[] {
    const complete: TreeFile[] = [];
    this.#entries.push(entry);
    this.#levels[0]!.push(leafHash(entry));
    this.size++;
    if (this.#entries.length < TILE_WIDTH) return complete;
    complete.push(this.#bundle());
    this.#entries = [];
    for (let level = 0; this.#levels[level]!.length === TILE_WIDTH; level++) {
      complete.push(this.#tile(level));
      (this.#levels[level + 1] ??= []).push(hashesRoot(Buffer.concat(this.#levels[level]!)));
      this.#levels[level] = [];
    }
    return complete;
  }

  /** The files at the right edge that are not full. */
  rest(): TreeFile[] {
    return [
      ...(this.#entries.length > 0 ? [this.#bundle()] : []),
      ...this.#levels.flatMap((hashes, level) => (hashes.length > 0 ? [this.#tile(level)] : [])),
    ];
  }

  #bundle(): TreeFile {
    return { level: 'entries', index: Math.floor((this.size - 1) / TILE_WIDTH), width: this.#entries.length, bytes: encodeEntryBundle(this.#entries) };
  }

  #tile(level: number): TreeFile {
    const hashes = this.#levels[level]!;
    // hashes of this level so far, those in full tiles included
    const total = Math.floor(this.size / TILE_WIDTH ** level);
    return { level, index: Math.floor((total - 1) / TILE_WIDTH), width: hashes.length, bytes: Buffer.concat(hashes) };
  }
}
