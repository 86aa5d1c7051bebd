import { decodeEntryBundle, encodeEntryBundle, entriesPath, leafHash, leafTile, parseTilePath, tilePath } from './index.js';

it('paths are the spec\'s own', () => {
  expect(tilePath(0, 1_234_067, 256)).toBe('tile/0/x001/x234/067');
  expect(entriesPath(1_234_067, 256)).toBe('tile/entries/x001/x234/067');
  expect(tilePath(0, 273, 112)).toBe('tile/0/273.p/112');
  expect(tilePath(63, 0, 1)).toBe('tile/63/000.p/1');
  expect(entriesPath(1000, 255)).toBe('tile/entries/x001/000.p/255');
});

it('every path is read back as what it was made of', () => {
  for (const index of [0, 1, 9, 10, 999, 1000, 1001, 999_999, 1_000_000, 1_234_067, 2 ** 45, Number.MAX_SAFE_INTEGER]) {
    for (const width of [1, 9, 100, 255, 256]) {
      expect(parseTilePath(tilePath(7, index, width))).toEqual({ kind: 'tile', level: 7, index, width });
      expect(parseTilePath(entriesPath(index, width))).toEqual({ kind: 'entries', level: 0, index, width });
    }
  }
});

it.each([
  '', 'checkpoint', 'tile', 'tile/0', 'tile/0/', '/tile/0/000', 'tile/00/000', 'tile/64/000', 'tile/-1/000', 'tile/0/0', 'tile/0/00', 'tile/0/0000', 'tile/0/1/000', 'tile/0/x000/001', 'tile/0/x000/x001/002',
  'tile/0/000.p', 'tile/0/000.p/', 'tile/0/000.p/0', 'tile/0/000.p/01', 'tile/0/000.p/256', 'tile/0/000.p/1000', 'tile/0/000.p/1/', 'tile/0/000/', 'tile/0/000\n', 'tile/data/000', 'tile/entries/../000',
  'tile/entries/000.P/1', 'tile/0/x001/x002', 'tile/0/X001/000', 'tile/0/x999/x999/x999/x999/x999/x999', `tile/0/${'x999/'.repeat(6)}999`, 'tile/0/%30%30%30', 'tile//0/000', 'tile/0/000.p/1?x',
])('no second spelling of a path is taken: %j', (path) => expect(parseTilePath(path)).toBeUndefined());

it('a path that cannot be is the caller\'s mistake', () => {
  for (const [level, index, width] of [[-1, 0, 1], [64, 0, 1], [0, -1, 1], [0, 0.5, 1], [0, 0, 0], [0, 0, 257], [0, 2 ** 53, 1]]) expect(() => tilePath(level!, index!, width!)).toThrow(RangeError);
});

const entries = [Buffer.alloc(0), Buffer.from('a'), Buffer.alloc(65_535, 1), Buffer.from([0, 1])];

it('a bundle is each entry behind its length in two bytes, big-endian', () => {
  expect(encodeEntryBundle([Buffer.from('abc'), Buffer.alloc(0), Buffer.alloc(258, 1)]).toString('hex')).toBe(`0003616263${'0000'}0102${'01'.repeat(258)}`);
  expect(encodeEntryBundle([])).toEqual(Buffer.alloc(0));
  expect(decodeEntryBundle(encodeEntryBundle(entries), 4)).toEqual(entries);
  expect(() => encodeEntryBundle([Buffer.alloc(65_536)])).toThrow(RangeError);
});

it('a bundle with an entry less, more or half is ATS_TILE_CORRUPT', () => {
  const bundle = encodeEntryBundle(entries);
  const refused = expect.objectContaining({ code: 'ATS_TILE_CORRUPT' });
  const cases: [Buffer, number][] = [[bundle, 3], [bundle, 5], [bundle.subarray(0, -1), 4], [bundle.subarray(0, 1), 1], [Buffer.concat([bundle, Buffer.of(0)]), 4], [Buffer.concat([bundle, Buffer.of(0, 0)]), 4], [Buffer.alloc(0), 1]];
  for (const [bytes, width] of cases) {
    let thrown: unknown;
    try {
      decodeEntryBundle(bytes, width);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toEqual(refused);
  }
});

it('a tile of leaves is their hashes', () => expect(leafTile(entries)).toEqual(Buffer.concat(entries.map(leafHash))));
