import { AtsError } from '#libs/errors';
import { FIELD_MODULUS } from '#libs/events';
import { nodeHash } from './hashes.js';

/** Depth of the registry's tree: room for 2^20 leaves. The circuits fix the same number. */
export const TREE_DEPTH = 20;

/** One leaf's way to the root: the sibling on each level from the leaf up, and whether the node is the right child (1) or the left (0). */
export interface MerklePath { siblings: bigint[]; pathIndices: number[] }

/**
 * Append-mostly binary Poseidon tree. An absent or revoked leaf is 0, which no leaf hash can be.
 * Appending or replacing a leaf costs `depth` hashes; memory grows with the leaves, not with the capacity.
 */
export class MerkleTree {
  /** levels[0] are the leaves; a node beyond a level's end is the root of an empty subtree. */
  readonly #levels: bigint[][];
  readonly #empty: readonly bigint[];

  constructor(readonly depth = TREE_DEPTH) {
    this.#levels = Array.from({ length: depth + 1 }, () => []);
    this.#empty = emptyRoots(depth);
  }

  get root(): bigint { return this.#node(this.depth, 0); }

  /** Number of leaves ever appended, zeroed ones included. */
  get size(): number { return this.#levels[0]!.length; }

  leaf(index: number): bigint {
    this.#requireIndex(index);
    return this.#node(0, index);
  }

  /** Adds a leaf behind the last one and returns its index. @throws RangeError when the tree is full. */
  append(leaf: bigint): number {
    const index = this.size;
    if (index >= 2 ** this.depth) throw new RangeError(`the tree is full: ${index} leaves`);
    this.#write(index, leaf);
    return index;
  }

  /** Replaces an appended leaf; 0 revokes it. @throws RangeError when the index was never appended. */
  set(index: number, leaf: bigint): void {
    this.#requireIndex(index);
    this.#write(index, leaf);
  }

  /** @throws RangeError when the index was never appended. */
  path(index: number): MerklePath {
    this.#requireIndex(index);
    const siblings: bigint[] = [];
    const pathIndices: number[] = [];
    for (let level = 0, at = index; level < this.depth; level++, at >>= 1) {
      siblings.push(this.#node(level, at ^ 1));
      pathIndices.push(at & 1);
    }
    return { siblings, pathIndices };
  }

  #write(index: number, leaf: bigint): void {
    if (leaf < 0n || leaf >= FIELD_MODULUS) throw new AtsError('ATS_FIELD_NOT_CANONICAL', `leaf ${leaf} is not in [0, r)`);
    this.#levels[0]![index] = leaf;
    for (let level = 1, at = index >> 1; level <= this.depth; level++, at >>= 1) {
      this.#levels[level]![at] = nodeHash(this.#node(level - 1, 2 * at), this.#node(level - 1, 2 * at + 1));
    }
  }

  #node(level: number, at: number): bigint {
    return this.#levels[level]![at] ?? this.#empty[level]!;
  }

  #requireIndex(index: number): void {
    if (!Number.isInteger(index) || index < 0 || index >= this.size) throw new RangeError(`leaf ${index} is not in the tree of ${this.size}`);
  }
}

/** The root that a path proves for a leaf: the reference of the membership part of every statement. */
export function rootOfPath(leaf: bigint, { siblings, pathIndices }: MerklePath): bigint {
  return siblings.reduce((node, sibling, level) => (pathIndices[level] === 0 ? nodeHash(node, sibling) : nodeHash(sibling, node)), leaf);
}

function emptyRoots(depth: number): bigint[] {
  const roots = [0n];
  for (let level = 0; level < depth; level++) roots.push(nodeHash(roots[level]!, roots[level]!));
  return roots;
}
