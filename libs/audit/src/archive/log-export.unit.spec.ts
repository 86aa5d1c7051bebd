import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CompactTree, encodeEntryBundle, leafHash, leafTile, TILE_WIDTH, type TileSource } from '#libs/log';
import { ArchiveFolder } from './archive-folder.js';
import { exportLog, LOG_FOLDER } from './log-export.js';

const ENTRIES = Array.from({ length: 40 * TILE_WIDTH + 9 }, (_, i) => Buffer.from(`entry ${i}`));
const tree = new CompactTree();
const leaves = ENTRIES.map((entry) => leafHash(entry));
for (const leaf of leaves) tree.append(leaf);
const checkpoint = { origin: 'log.example/export', size: ENTRIES.length, root: tree.root(), extensions: [], note: Buffer.from('a note') };
const part = (index: number, width: number) => ENTRIES.slice(index * TILE_WIDTH, index * TILE_WIDTH + width);

/** The tree's tiles; level 1 from the roots of level 0. */
const honest: TileSource = {
  tile: async (level, index, width) => {
    if (level === 0) return leafTile(part(index, width));
    return Buffer.concat(Array.from({ length: width }, (_, i) => {
      const full = new CompactTree();
      for (const leaf of leaves.slice(i * TILE_WIDTH, (i + 1) * TILE_WIDTH)) full.append(leaf);
      return full.root();
    }));
  },
  entries: async (index, width) => encodeEntryBundle(part(index, width)),
};

let dir: string;
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'attestream-log-export-')); });
afterEach(() => rmSync(dir, { recursive: true }));

it('a log is copied as it is served', async () => {
  const folder = await ArchiveFolder.create(join(dir, 'out'));
  await exportLog(folder, honest, checkpoint);
  await folder.finish();
  expect(readFileSync(join(dir, 'out', LOG_FOLDER, 'checkpoint'), 'utf8')).toBe('a note');
  expect(readFileSync(join(dir, 'out', LOG_FOLDER, 'tile/entries/000'))).toEqual(await honest.entries(0, TILE_WIDTH));
});

it('an export that fails while the log is copied leaves nothing, however many tiles were under way: the next one begins', async () => {
  for (const code of ['away', 'stopped']) {
    const folder = await ArchiveFolder.create(join(dir, 'out'));
    let asked = 0;
    let underWay = 0;
    /** Every other answer takes a few turns: they come after the failure. */
    const slow = async (answer: Promise<Buffer>): Promise<Buffer> => {
      underWay++;
      if (++asked % 2 === 0) for (let i = 0; i < 50; i++) await new Promise(setImmediate);
      underWay--;
      if (code === 'away' && asked > 7) throw new Error(code);
      return await answer;
    };
    const tiles: TileSource = { tile: (level, index, width) => slow(honest.tile(level, index, width)), entries: (index, width) => slow(honest.entries(index, width)) };
    const failed = exportLog(folder, tiles, checkpoint, () => { if (code === 'stopped') throw new Error(code); });
    await expect(failed).rejects.toThrow(code);
    expect(underWay).toBe(0);
    await folder.discard();
    for (let i = 0; i < 200; i++) await new Promise(setImmediate);
    expect([existsSync(folder.dir), readdirSync(dir)]).toEqual([false, []]);
  }
});
