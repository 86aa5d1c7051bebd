import { NaiveTree } from '../test/naive-tree.js';
import { CompactTree, consistencyProof, hashesRoot, inclusionProof, leafHash, leafTile, rootFromTiles, tileWidth } from './index.js';

const tree = NaiveTree.of(1100);
/** Around what a tile, a full row of tiles and a power of two end at; the third level is beyond 65,536 leaves and comes below. */
const sizes = [1, 2, 3, 5, 8, 127, 255, 256, 257, 300, 511, 512, 513, 767, 768, 769, 1023, 1024, 1025, 1100];

/** Each index of a small tree, each 13th of a large one. */
const every = (size: number) => Array.from({ length: size }, (_, i) => (size < 40 ? i : i * 13)).filter((i) => i < size && (size < 40 || size > 1024));

it.each(sizes)('a tree of %i read from tiles has the naive root, edge and proofs', async (size) => {
  const tiles = tree.tiles();
  expect(await rootFromTiles(size, tiles)).toEqual(tree.root(size));
  const grown = await CompactTree.fromTiles(size, tiles);
  expect([grown.size, grown.root()]).toEqual([size, tree.root(size)]);
  for (const index of new Set([0, 1, Math.floor(size / 2), size - 2, size - 1, ...every(size)])) {
    if (index >= 0 && index < size) expect(await inclusionProof(index, size, tiles)).toEqual(tree.path(index, size));
  }
  for (const from of new Set([1, 2, Math.floor(size / 2), size - 1, size, 255, 256, 257, 512, ...every(size)])) {
    if (from >= 1 && from <= size) expect(await consistencyProof(from, size, tiles)).toEqual(tree.subproof(from, size));
  }
});

it('a tree read from tiles grows as one that never stopped', async () => {
  for (const size of [0, 1, 255, 256, 300, 768]) {
    const grown = await CompactTree.fromTiles(size, tree.tiles());
    for (const entry of tree.entries.slice(size)) grown.append(leafHash(entry));
    expect(grown.root()).toEqual(tree.root(tree.entries.length));
  }
});

it('whole tiles appended by their roots make the tree that their leaves make', () => {
  const grown = new CompactTree();
  for (let at = 0; at < 1024; at += 256) grown.appendSubtree(8, hashesRoot(leafTile(tree.entries.slice(at, at + 256))));
  for (const entry of tree.entries.slice(1024)) grown.append(leafHash(entry));
  expect(grown.root()).toEqual(tree.root(1100));
  expect(() => grown.appendSubtree(8, tree.root(1))).toThrow(RangeError);
  expect(() => grown.append(Buffer.alloc(31))).toThrow(RangeError);
});

it('three levels of tiles: a tree of 70,000 is read from the tiles that the spec says it has', async () => {
  const big = NaiveTree.of(70_000);
  const grown = new CompactTree();
  for (const entry of big.entries) grown.append(leafHash(entry));
  expect(grown.root()).toEqual(big.root(70_000));
  expect((await CompactTree.fromTiles(70_000, big.tiles())).root()).toEqual(big.root(70_000));
  const asked: string[] = [];
  expect(await inclusionProof(69_999, 70_000, big.tiles(asked))).toEqual(big.path(69_999, 70_000));
  expect(await rootFromTiles(70_000, big.tiles(asked))).toEqual(big.root(70_000));
  expect(await consistencyProof(65_537, 70_000, big.tiles(asked))).toEqual(big.subproof(65_537, 70_000));
  expect(new Set(asked)).toEqual(new Set(['0/273/112', '1/1/17', '2/0/1', '0/256/256', '1/1/17']));
  expect([tileWidth(0, 272, 70_000), tileWidth(0, 273, 70_000), tileWidth(1, 0, 70_000), tileWidth(1, 1, 70_000), tileWidth(2, 0, 70_000), tileWidth(0, 274, 70_000)]).toEqual([256, 112, 256, 17, 1, 0]);
  expect([tileWidth(0, 0, 256), tileWidth(1, 0, 256), tileWidth(1, 0, 255)]).toEqual([256, 1, 0]);
}, 120_000);

it('each tile is asked for once a proof, in the width of the tree', async () => {
  const asked: string[] = [];
  await inclusionProof(0, 1100, tree.tiles(asked));
  expect(asked.toSorted()).toEqual(['0/0/256', '0/4/76', '1/0/4']);
});

it('an index or a size that the log does not reach is ATS_LOG_RANGE', async () => {
  const refused = expect.objectContaining({ code: 'ATS_LOG_RANGE' });
  for (const index of [-1, 8, 0.5, NaN]) await expect(inclusionProof(index, 8, tree.tiles())).rejects.toEqual(refused);
  await expect(inclusionProof(0, 0, tree.tiles())).rejects.toEqual(refused);
  await expect(consistencyProof(9, 8, tree.tiles())).rejects.toEqual(refused);
  for (const size of [-1, 0.5, 2 ** 53]) await expect(rootFromTiles(size, tree.tiles())).rejects.toEqual(refused);
});

it('the empty tree needs no tiles', async () => {
  const asked: string[] = [];
  expect(await rootFromTiles(0, tree.tiles(asked))).toEqual(tree.root(0));
  expect(await consistencyProof(0, 8, tree.tiles(asked))).toEqual([]);
  expect(await consistencyProof(8, 8, tree.tiles(asked))).toEqual([]);
  expect((await CompactTree.fromTiles(0, tree.tiles(asked))).root()).toEqual(tree.root(0));
  expect(asked).toEqual([]);
});
