import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { decodeEntryBundle, leafTile, TILE_WIDTH, tileWidth } from '../src/tlog-tiles.js';
import { DirectoryTiles } from '../src/tile-sources.js';
import { rootFromTiles } from '../src/tree-from-tiles.js';
import { LogStore } from '../src/store/log-store.js';
import { ORIGIN, randomOf, read, sign } from './store-world.js';

/** Each life of a process takes a second or so, more when others use the machine. */
const PATIENCE_MS = 300_000;
const ROOT = join(import.meta.dirname, '../../..');

let folder: string;
let dir: string;
let writers: Writer[];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'attestream-store-'));
  dir = join(folder, 'log');
  writers = [];
  await LogStore.create({ dir, origin: ORIGIN });
});
afterEach(async () => {
  for (const writer of writers) await writer.kill();
  rmSync(folder, { recursive: true });
});

/** A process that writes the log; what it told, line by line. */
class Writer {
  readonly told: string[] = [];
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #closed: Promise<unknown>;

  constructor(branch: number, ...options: string[]) {
    this.#child = spawn(process.execPath, ['--import', join(ROOT, 'bin/typescript.mjs'), join(import.meta.dirname, 'store-writer.ts'), dir, String(branch), ...options], {
      stdio: ['ignore', 'pipe', 'inherit'], cwd: ROOT,
    });
    this.#lines = createInterface(this.#child.stdout!);
    this.#lines.on('line', (line) => this.told.push(line));
    this.#closed = once(this.#lines, 'close');
    writers.push(this);
  }

  /** Until it has told `count` lines more that begin with `word`. @throws when it ends before */
  async heard(word: string, count = 1): Promise<void> {
    const heard = (): number => this.told.filter((line) => line.startsWith(word)).length;
    const enough = heard() + count;
    while (heard() < enough) {
      if (await Promise.race([once(this.#lines, 'line').then(() => false), this.#closed.then(() => true)]) && heard() < enough) {
        throw new Error(`the writer ended with ${this.told.at(-1)}`);
      }
    }
  }

  signal(name: NodeJS.Signals): void { this.#child.kill(name); }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended();
  }

  /** All that it told is in {@link told}. */
  async ended(): Promise<void> { await this.#closed; }
}

/** What may never differ, over all lives: one root a size, and readers see no smaller tree. */
class History {
  readonly #roots = new Map<number, string>();
  seen = 0;

  told(lines: readonly string[]): void {
    for (const line of lines) {
      const [word, size, root] = line.split(' ');
      if (word !== 'refused') this.#root(Number(size), root!);
    }
  }

  /** Looks as a reader does. */
  async look(): Promise<void> {
    const note = await readFile(join(dir, 'public/checkpoint')).catch(() => undefined);
    if (!note) {
      assert.equal(this.seen, 0, 'the checkpoint is gone');
      return;
    }
    const { size, root } = read(note);
    assert(size >= this.seen, `${size} entries after ${this.seen}`);
    this.seen = size;
    this.#root(size, root.toString('hex'));
    const tiles = new DirectoryTiles(join(dir, 'public'));
    assert.deepEqual(await rootFromTiles(size, tiles), root);
    for (let index = 0; index * TILE_WIDTH < size; index++) {
      const width = tileWidth(0, index, size);
      assert.deepEqual(leafTile(decodeEntryBundle(await tiles.entries(index, width), width)), await tiles.tile(0, index, width));
    }
  }

  #root(size: number, root: string): void {
    assert.equal(this.#roots.get(size) ?? root, root, `two roots for ${size} entries`);
    this.#roots.set(size, root);
  }
}

it('never has two roots for a size nor shows a smaller one, over twenty SIGKILLs at any instant', async () => {
  const random = randomOf(20);
  const history = new History();
  for (let life = 1; life <= 20; life++) {
    const writer = new Writer(life);
    await writer.heard('opened');
    const steps = Math.floor(random() * 5);
    if (steps > 0) await writer.heard('', steps);
    // the instants between two told steps are many more than the steps
    await new Promise((resolve) => { setTimeout(resolve, random() * 15); });
    await writer.kill();
    history.told(writer.told);
    await history.look();
  }
  const store = await LogStore.open({ dir });
  history.told([`opened ${store.head.size} ${store.head.root.toString('hex')}`]);
  await store.publish(sign(store.head));
  await store.close();
  await history.look();
  expect(history.seen).toBe(store.head.size);
}, PATIENCE_MS);

it('is written by one process: the second is refused while the first runs or is stopped, and takes over when it is dead', async () => {
  const history = new History();
  const first = new Writer(1);
  await first.heard('published');
  const refused = async (): Promise<void> => {
    const second = new Writer(2);
    await second.ended();
    expect(second.told).toEqual(['refused ATS_LOG_LOCKED']);
  };
  await refused();
  first.signal('SIGSTOP');
  await refused();
  first.signal('SIGCONT');
  await first.heard('published');
  first.signal('SIGSTOP');
  await first.kill();
  const third = new Writer(3);
  await third.heard('published');
  await third.kill();
  history.told([...first.told, ...third.told]);
  await history.look();
}, PATIENCE_MS);

it('has one tree even when nothing locks it: of two live processes one goes on, and a stopped one that wakes is refused', async () => {
  const history = new History();
  const first = new Writer(1, 'no-lock');
  await first.heard('published');
  first.signal('SIGSTOP');
  const second = new Writer(2, 'no-lock');
  await second.heard('published', 3);
  first.signal('SIGCONT');
  await first.ended();
  // mostly ATS_LOG_FORKED; a file of its own that the second cleared away is a disk that failed
  expect(first.told.at(-1)).toMatch(/^refused ATS_LOG_/);
  await second.heard('published').catch(() => {
    // the first one was stopped in the midst of a step, and what it did when it woke made the second one stop as well
    expect(second.told.at(-1)).toMatch(/^refused ATS_LOG_/);
  });
  await second.kill();
  history.told([...first.told, ...second.told]);
}, PATIENCE_MS);
