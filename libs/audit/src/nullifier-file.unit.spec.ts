import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NullifierFile } from './nullifier-file.js';

const nullifier = (i: number) => createHash('sha256').update(`${i}`).digest();
let dir: string;
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'attestream-nullifiers-')); });
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it.each([10_000, 1000, 37])('finds every second use, by leaf, however few rows fit into memory: %i', (rowsAtOnce) => {
  const nullifiers = new NullifierFile();
  for (let leaf = 0; leaf < 9000; leaf++) nullifiers.add(nullifier(leaf), leaf);
  for (const [again, leaf] of [[8999, 9003], [0, 9001], [0, 9002], [4096, 9007]] as const) nullifiers.add(nullifier(again), leaf);
  expect(nullifiers.reuses(rowsAtOnce)).toEqual([{ first: 0, second: 9001 }, { first: 0, second: 9002 }, { first: 8999, second: 9003 }, { first: 4096, second: 9007 }]);
  nullifiers.close();
});

it('tells nullifiers apart that differ in one bit, wherever it is', () => {
  const nullifiers = new NullifierFile();
  for (let bit = 0; bit < 256; bit++) {
    const one = Buffer.alloc(32);
    one[bit >> 3]! |= 1 << (bit & 7);
    nullifiers.add(one, bit);
  }
  expect(nullifiers.reuses(50)).toEqual([]);
  nullifiers.close();
});

it('goes on from the rows that were durable, and forgets what came after them', () => {
  const file = join(dir, 'nullifiers');
  const before = new NullifierFile({ file, rows: 0 });
  for (let leaf = 0; leaf < 10; leaf++) before.add(nullifier(leaf), leaf);
  expect(before.sync()).toBe(10);
  before.add(nullifier(3), 99);
  before.sync();
  before.close();
  const after = new NullifierFile({ file, rows: 10 });
  after.add(nullifier(5), 12);
  expect(after.reuses()).toEqual([{ first: 5, second: 12 }]);
  after.close();
  expect(statSync(file).size).toBe(11 * 40);
});

