import { readFileSync } from 'node:fs';
import { NaiveTree } from '../test/naive-tree.js';
import { CompactTree, EMPTY_ROOT, hashesRoot, leafHash, leafHashInto, nodeHash, verifyConsistency, verifyInclusion } from './index.js';

interface Vectors {
  leaves: string[]; emptyRoot: string; roots: string[];
  inclusion: { index: number; size: number; proof: string[] }[]; consistency: { from: number; to: number; proof: string[] }[];
}
const vectors = JSON.parse(readFileSync(new URL('../test/vectors/rfc6962.json', import.meta.url), 'utf8')) as Vectors;
const hex = (text: string) => Buffer.from(text, 'hex');
const leaves: Buffer[] = vectors.leaves.map((leaf) => leafHash(hex(leaf)));
const roots: Buffer[] = vectors.roots.map(hex);

describe('the vectors of Certificate Transparency', () => {
  it('the empty tree hashes nothing', () => expect(EMPTY_ROOT.toString('hex')).toBe(vectors.emptyRoot));

  it('eight leaves have the known roots, appended one by one and folded as one tile', () => {
    const tree = new CompactTree();
    expect(tree.root()).toEqual(EMPTY_ROOT);
    leaves.forEach((leaf, i) => {
      tree.append(leaf);
      expect(tree.root()).toEqual(roots[i]);
      expect(hashesRoot(Buffer.concat(leaves.slice(0, i + 1)))).toEqual(roots[i]);
    });
  });

  it.each(vectors.inclusion)('inclusion of leaf $index in a tree of $size', ({ index, size, proof }) => {
    expect(verifyInclusion({ leafHash: leaves[index]!, index, size, root: roots[size - 1]!, proof: proof.map(hex) })).toBe(true);
  });

  it.each(vectors.consistency)('consistency of trees of $from and $to', ({ from, to, proof }) => {
    expect(verifyConsistency({ from, fromRoot: roots[from - 1]!, to, toRoot: roots[to - 1]!, proof: proof.map(hex) })).toBe(true);
  });
});

const most = 66;
const tree = NaiveTree.of(most);
const leaf = (index: number) => leafHash(tree.entries[index]!);
const flipped = (hash: Buffer) => Buffer.from(hash.map((byte, i) => (i === 7 ? byte ^ 1 : byte)));

it('every inclusion proof of a naive tree holds, and none for another leaf, index or root', () => {
  for (let size = 1; size <= most; size++) {
    for (let index = 0; index < size; index++) {
      const whole = { leafHash: leaf(index), index, size, root: tree.root(size), proof: tree.path(index, size) };
      expect(verifyInclusion(whole)).toBe(true);
      expect(verifyInclusion({ ...whole, leafHash: flipped(whole.leafHash) })).toBe(false);
      expect(verifyInclusion({ ...whole, root: flipped(whole.root) })).toBe(false);
      for (const other of [index - 1, index + 1, index ^ 1, size, -1]) if (other !== index) expect(verifyInclusion({ ...whole, index: other })).toBe(false);
    }
  }
});

it('a proof with a hash changed, left out, added or swapped is refused', () => {
  for (const [index, size] of [[0, 1], [5, 8], [12, 13], [40, 66], [65, 66]] as const) {
    const proof = tree.path(index, size);
    const check = (changed: readonly Buffer[]) => verifyInclusion({ leafHash: leaf(index), index, size, root: tree.root(size), proof: changed });
    expect(check(proof)).toBe(true);
    for (const changed of mutations(proof)) expect(check(changed)).toBe(false);
  }
});

it('every consistency proof of a naive tree holds, and none for another root of either tree', () => {
  for (let to = 1; to <= most; to++) {
    for (let from = 0; from <= to; from++) {
      const proof = from === 0 ? [] : tree.subproof(from, to);
      const whole = { from, fromRoot: tree.root(from), to, toRoot: tree.root(to), proof };
      expect(verifyConsistency(whole)).toBe(true);
      expect(verifyConsistency({ ...whole, fromRoot: flipped(whole.fromRoot) })).toBe(false);
      // the empty tree is consistent with every other one
      expect(verifyConsistency({ ...whole, toRoot: flipped(whole.toRoot) })).toBe(from === 0);
      if (from !== to) expect(verifyConsistency({ from: to, fromRoot: whole.toRoot, to: from, toRoot: whole.fromRoot, proof })).toBe(false);
    }
  }
});

it('a consistency proof with a hash changed, left out, added or swapped is refused', () => {
  for (const [from, to] of [[0, 5], [1, 8], [6, 8], [8, 8], [13, 40], [64, 66], [65, 66]] as const) {
    const proof = from === 0 ? [] : tree.subproof(from, to);
    const check = (changed: readonly Buffer[]) => verifyConsistency({ from, fromRoot: tree.root(from), to, toRoot: tree.root(to), proof: changed });
    expect(check(proof)).toBe(true);
    for (const changed of mutations(proof)) expect(check(changed)).toBe(false);
  }
});

it('what is no index, size or hash is refused, never thrown', () => {
  const whole = { leafHash: leaf(0), index: 0, size: 2, root: tree.root(2), proof: tree.path(0, 2) };
  for (const wrong of [{ index: 0.5 }, { index: NaN }, { size: 2 ** 53 }, { size: 0 }, { leafHash: Buffer.alloc(31) }, { proof: [Buffer.alloc(33)] }, { root: Buffer.alloc(0) }]) {
    expect(verifyInclusion({ ...whole, ...wrong })).toBe(false);
  }
  const pair = { from: 1, fromRoot: tree.root(1), to: 2, toRoot: tree.root(2), proof: tree.subproof(1, 2) };
  for (const wrong of [{ from: -1 }, { from: 1.5 }, { to: Infinity }, { fromRoot: Buffer.alloc(0) }, { proof: [Buffer.alloc(31)] }]) expect(verifyConsistency({ ...pair, ...wrong })).toBe(false);
  expect(verifyConsistency({ from: 0, fromRoot: tree.root(1), to: 2, toRoot: tree.root(2), proof: [] })).toBe(false);
  expect(verifyConsistency({ from: 0, fromRoot: tree.root(1), to: 0, toRoot: tree.root(1), proof: [] })).toBe(false);
});

it('sizes beyond 32 bits are no smaller', () => {
  // The last leaf of a tree of 2^40 + 1 has one sibling: the root of the 2^40 before it.
  const before = Buffer.alloc(32, 7);
  const [size, index] = [2 ** 40 + 1, 2 ** 40];
  const whole = { leafHash: leaf(0), index, size, root: nodeHash(before, leaf(0)), proof: [before] };
  expect(verifyInclusion(whole)).toBe(true);
  expect(verifyInclusion({ ...whole, index: 0, size: 257 })).toBe(false);
  expect(verifyConsistency({ from: index, fromRoot: before, to: size, toRoot: whole.root, proof: [leaf(0)] })).toBe(true);
});

it('leaves of every length are hashed whole, whatever was hashed before', () => {
  for (const length of [0, 1, 1023, 1024, 1025, 65_535, 3]) {
    const entry = Buffer.alloc(length, length);
    const [naive, target] = [new NaiveTree([entry]).root(1), Buffer.alloc(40, 9)];
    expect(leafHash(entry)).toEqual(naive);
    leafHashInto(entry, target, 5);
    expect(target).toEqual(Buffer.concat([Buffer.alloc(5, 9), naive, Buffer.alloc(3, 9)]));
  }
});

it('1 to 256 hashes fold to their root and stay as they are; other lengths are a mistake of the caller', () => {
  const big = NaiveTree.of(256);
  const hashes = Buffer.concat(big.entries.map(leafHash));
  for (let count = 1; count <= 256; count++) expect(hashesRoot(hashes.subarray(0, count * 32))).toEqual(big.root(count));
  expect(hashes).toEqual(Buffer.concat(big.entries.map(leafHash)));
  for (const length of [0, 31, 33, 257 * 32]) expect(() => hashesRoot(Buffer.alloc(length))).toThrow(RangeError);
});

function* mutations(proof: readonly Buffer[]): Generator<Buffer[]> {
  for (let i = 0; i < proof.length; i++) {
    yield proof.map((hash, at) => (at === i ? flipped(hash) : hash));
    yield proof.filter((_, at) => at !== i);
    if (i > 0) yield proof.map((hash, at) => (at === i ? proof[i - 1]! : at === i - 1 ? proof[i]! : hash));
  }
  yield [...proof, Buffer.alloc(32)];
  yield [Buffer.alloc(32), ...proof];
}
