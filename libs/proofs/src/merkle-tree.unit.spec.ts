import { FIELD_MODULUS } from '#libs/events';
import { nodeHash } from './hashes.js';
import { MerkleTree, rootOfPath } from './merkle-tree.js';

/** The definition: hash all 2^depth leaves level by level. */
function rootOfAll(leaves: readonly bigint[], depth: number): bigint {
  let level = Array.from({ length: 2 ** depth }, (_, i) => leaves[i] ?? 0n);
  while (level.length > 1) level = Array.from({ length: level.length / 2 }, (_, i) => nodeHash(level[2 * i]!, level[2 * i + 1]!));
  return level[0]!;
}

it('has the root of the full tree after every append and every revocation', () => {
  const tree = new MerkleTree(4);
  const leaves: bigint[] = [];
  expect(tree.root).toBe(rootOfAll(leaves, 4));
  for (let i = 0; i < 16; i++) {
    leaves.push(BigInt(100 + i));
    expect(tree.append(leaves[i]!)).toBe(i);
    expect(tree.root).toBe(rootOfAll(leaves, 4));
  }
  for (const index of [0, 7, 15]) {
    leaves[index] = 0n;
    tree.set(index, 0n);
    expect(tree.root).toBe(rootOfAll(leaves, 4));
  }
  expect(() => tree.append(1n)).toThrow(/full/);
});

it('proves each of its leaves, and no other value in its place', () => {
  const tree = new MerkleTree(5);
  for (let i = 0; i < 11; i++) tree.append(BigInt(i + 1));
  for (let i = 0; i < 11; i++) {
    expect(rootOfPath(tree.leaf(i), tree.path(i))).toBe(tree.root);
    expect(rootOfPath(99n, tree.path(i))).not.toBe(tree.root);
  }
});

it('is 20 deep, and refuses places that were never appended and leaves outside the field', () => {
  const tree = new MerkleTree();
  tree.append(5n);
  expect(tree.path(0).siblings).toHaveLength(20);
  for (const index of [1, -1, 0.5]) {
    expect(() => tree.path(index)).toThrow(RangeError);
    expect(() => tree.set(index, 1n)).toThrow(RangeError);
  }
  const { root } = tree;
  expect(() => tree.append(FIELD_MODULUS)).toThrow(/ATS_FIELD_NOT_CANONICAL/);
  expect([tree.size, tree.root]).toEqual([1, root]);
});
