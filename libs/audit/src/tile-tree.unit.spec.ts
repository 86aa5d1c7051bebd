import { CompactTree, leafHash, leafTile, TILE_WIDTH } from '#libs/log';
import { TileTree } from './tile-tree.js';

const leaf = (i: number) => Buffer.from(`entry ${i}`);

/** Grows both trees together, and hands out every tile above the leaves. */
function grow(bundles: number) {
  const tree = new TileTree();
  const compact = new CompactTree();
  const completed: ReturnType<TileTree['append']> = [];
  for (let bundle = 0; bundle < bundles; bundle++) {
    const entries = Array.from({ length: TILE_WIDTH }, (_, i) => leaf(bundle * TILE_WIDTH + i));
    completed.push(...tree.append(leafTile(entries)));
    for (const entry of entries) compact.append(leafHash(entry));
  }
  return { tree, compact, completed };
}

it.each([0, 1, 2, 3, 5, 255, 256, 257])('has the root of RFC 6962 behind %i full bundles, with any number of leaves more', (bundles) => {
  const { tree, compact } = grow(bundles);
  const more: Buffer[] = [];
  for (const width of [0, 1, 2, 3, 100, 255, 256]) {
    while (more.length < width) {
      more.push(leaf(bundles * TILE_WIDTH + more.length));
      compact.append(leafHash(more.at(-1)!));
    }
    expect(tree.rootWith(width === 0 ? Buffer.alloc(0) : leafTile(more))).toEqual(compact.root());
  }
});

it('hands out a tile when it is full, and the unfinished ones at the end, each at its place', () => {
  const { tree, completed } = grow(257);
  expect(completed.map(({ level, index, hashes }) => [level, index, hashes.length / 32])).toEqual([[1, 0, 256]]);
  expect(tree.unfinished().map(({ level, index, hashes }) => [level, index, hashes.length / 32])).toEqual([[1, 1, 1], [2, 0, 1]]);
  expect(grow(0).tree.unfinished()).toEqual([]);
  expect(grow(3).tree.unfinished().map(({ level, index, hashes }) => [level, index, hashes.length / 32])).toEqual([[1, 0, 3]]);
});

it('goes on from its state as if it had never stopped', () => {
  const { tree } = grow(5);
  const again = new TileTree(structuredClone(tree.state()));
  const hashes = leafTile(Array.from({ length: TILE_WIDTH }, (_, i) => leaf(i)));
  tree.append(hashes);
  again.append(hashes);
  expect(again.rootWith(hashes)).toEqual(tree.rootWith(hashes));
});
