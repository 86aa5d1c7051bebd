import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockDataFolder } from '#libs/stack';
import { layoutOf, type Layout } from './layout.js';
import { reset } from './reset.js';

let parent: string;
let layout: Layout;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'reset-'));
  layout = layoutOf({ home: join(parent, 'data'), portBase: 20_000, households: 3 });
  mkdirSync(layout.dir('kafka/data'), { recursive: true });
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

const made = () => writeFileSync(join(layout.home, 'baseline.json'), '{}');

it('what make run has written is gone, and nothing else', async () => {
  made();
  writeFileSync(layout.reportFile, '{}');
  writeFileSync(join(layout.home, 'notes.txt'), 'mine');
  for (const folder of ['log', 'log.0123456789ab.draft', 'anchor']) mkdirSync(join(layout.home, folder));
  mkdirSync(join(parent, 'kafka'));
  await reset(layout);
  expect(readdirSync(layout.home)).toEqual(['notes.txt']);
  expect(readdirSync(parent).toSorted()).toEqual(['data', 'kafka']);
});

it('nothing is forgotten while a run uses the folder; afterwards it is', async () => {
  made();
  const lock = await lockDataFolder(layout.home);
  await expect(reset(layout)).rejects.toMatchObject({ code: 'ATS_ALREADY_RUNNING' });
  expect(existsSync(layout.dir('kafka/data'))).toBe(true);
  await lock.release();
  await reset(layout);
  expect(readdirSync(layout.home)).toEqual([]);
});

it('a folder that make run has not made is refused and left as it is, and free again', async () => {
  await expect(reset(layout)).rejects.toMatchObject({ code: 'ATS_CONFIG_INVALID' });
  expect(readdirSync(layout.home)).toEqual(['kafka']);
  await (await lockDataFolder(layout.home)).release();
});
