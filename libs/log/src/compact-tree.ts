/** RFC 6962, section 2.1, appended to: the right edge of a tree is all that its root and its growth need. */
import { hash } from 'node:crypto';
import { HASH_BYTES, EMPTY_ROOT, nodeHash } from './rfc6962.js';
import { readEdge } from './tree-from-tiles.js';
import type { TileSource } from './tlog-tiles.js';

/** 2^53 leaves at most, as sizes are numbers. */
const HEIGHTS = 54;

/** An append-only tree in O(log n) memory. */
export class CompactTree {
  #size = 0;
  /** At height h: the complete subtree of 2^h leaves that the tree's size has a bit for; what lies at other heights is stale. */
  readonly #edge = Buffer.alloc(HEIGHTS * HASH_BYTES);
  /** 0x01 and two hashes: the node being made. */
  readonly #node = Buffer.alloc(1 + 2 * HASH_BYTES, 1);

  /** The tree of `size` leaves that these tiles hold. The tiles are believed: compare {@link root} with a signed one. */
  static async fromTiles(size: number, tiles: TileSource): Promise<CompactTree> {
    const tree = new CompactTree();
    for (const { height, hash: node } of await readEdge(size, tiles)) node.copy(tree.#edge, height * HASH_BYTES);
    tree.#size = size;
    return tree;
  }

  /** Number of leaves. */
  get size(): number {
    return this.#size;
  }

  append(leafHash: Buffer): void {
    this.appendSubtree(0, leafHash);
  }

  /** Appends a complete subtree of 2^height leaves by its root, at a size that is a multiple of it: a full tile is one of height 8. */
  appendSubtree(height: number, root: Buffer): void {
    if (root.length !== HASH_BYTES) throw new RangeError(`a hash has ${HASH_BYTES} bytes, not ${root.length}`);
    const leaves = 2 ** height;
    if (this.#size % leaves !== 0 || !Number.isSafeInteger(this.#size + leaves)) throw new RangeError(`no subtree of ${leaves} leaves fits at ${this.#size}`);
    root.copy(this.#node, 1 + HASH_BYTES);
    let at = height;
    for (let rest = this.#size / leaves; rest % 2 === 1; rest = (rest - 1) / 2, at++) {
      this.#edge.copy(this.#node, 1, at * HASH_BYTES, (at + 1) * HASH_BYTES);
      this.#node.write(hash('sha256', this.#node, 'binary'), 1 + HASH_BYTES, HASH_BYTES, 'latin1');
    }
    this.#node.copy(this.#edge, at * HASH_BYTES, 1 + HASH_BYTES);
    this.#size += leaves;
  }

  root(): Buffer {
    let result: Buffer | undefined;
    for (let rest = this.#size, at = 0; rest > 0; rest = Math.floor(rest / 2), at++) {
      if (rest % 2 === 0) continue;
      const node = this.#edge.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES);
      result = result ? nodeHash(node, result) : Buffer.from(node);
    }
    return result ?? Buffer.from(EMPTY_ROOT);
  }
}
