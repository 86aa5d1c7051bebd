import { isAtsError } from '#libs/errors';
import type { TreeHead } from '../src/rfc6962.js';
import { rootFromTiles } from '../src/tree-from-tiles.js';
import type { Disk } from '../src/store/disk.js';
import { LogStore } from '../src/store/log-store.js';
import { errno, Killed, ModelDisk, type Call, type Survival } from './store-model-disk.js';
import { assertServed, entriesOf, ORIGIN, randomOf, read, rootOfFork, sign, Witness } from './store-world.js';

const DIR = '/log';
const PUBLIC = '/log/public';
const CHECKPOINT = '/log/public/checkpoint';
/** Some hundred lives a test; seconds, unless others use the machine. */
const PATIENCE_MS = 300_000;

/**
 * A log of `start` entries and the sizes that it grows to; `+` publishes. `firstTile`: what lies before it is not looked at in full. `every`: how many
 * system calls lie between two of those that are disturbed.
 */
interface Growth { name: string; start: number; sizes: readonly string[]; firstTile: number; every: number }
const GROWTHS: Growth[] = [
  { name: 'within a tile, twice, over its end by two and a bit, within again', start: 505, sizes: ['507', '509+', '511+', '1030+', '1031+'], firstTile: 1, every: 1 },
  { name: 'over 65,536, where a tile of level 1 fills', start: 65_530, sizes: ['65540+'], firstTile: 255, every: 1 },
  { name: 'by more files than are synced side by side, twice', start: 505, sizes: ['9000+', '9001+'], firstTile: 1, every: 23 },
];

const bases = new Map<Growth, { disk: ModelDisk; calls: Call[] }>();
/** The grown log, published, and the system calls of a life that nothing disturbs. */
async function baseOf(growth: Growth): Promise<{ disk: ModelDisk; calls: Call[] }> {
  const known = bases.get(growth);
  if (known) return known;
  const making = new ModelDisk();
  await LogStore.create({ dir: DIR, origin: ORIGIN }, making);
  const store = await LogStore.open({ dir: DIR }, making);
  await store.append(entriesOf(0, growth.start), BigInt(growth.start));
  await store.publish(sign(store.head));
  await store.close();
  const base = { disk: making.survivor('cut'), calls: [] as Call[] };
  const undisturbed = base.disk.survivor('kill');
  undisturbed.before = (call) => void base.calls.push(call);
  await live(growth, undisturbed, { head: 0, published: 0 }, rethrow);
  bases.set(growth, base);
  return base;
}

/** What the process's caller was told. */
interface Told { head: number; published: number }

/** One life: grows as it should; `again` repeats a refused call, as chain-anchor does. */
async function live({ sizes }: Growth, disk: ModelDisk, told: Told, again: (error: unknown) => void): Promise<LogStore> {
  const insist = async <T>(action: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await action();
      } catch (error) {
        again(error);
      }
    }
  };
  const store = await insist(() => LogStore.open({ dir: DIR }, disk));
  for (const step of sizes) {
    const size = Number.parseInt(step);
    await insist(() => store.append(entriesOf(store.head.size, size), BigInt(size)));
    told.head = size;
    if (!step.endsWith('+')) continue;
    const note = sign(store.head);
    await insist(() => store.publish(note));
    told.published = size;
  }
  return store;
}

const rethrow = (error: unknown): never => { throw error; };

/** Kills the process before its call `at`, lets the next one find what survived, and holds what may never happen against it. */
async function expectSurvival(growth: Growth, base: ModelDisk, at: number, survival: Survival): Promise<void> {
  const first = base.survivor('kill');
  const witness = new Witness();
  witness.watch(first, CHECKPOINT);
  const told: Told = { head: growth.start, published: growth.start };
  first.before = ({ number }) => { if (number === at) throw new Killed(); };
  // killed while it tidies behind its last step, it has told all
  await live(growth, first, told, rethrow).catch((error: unknown) => { if (!first.dead) throw error; });
  expect(first.dead).toBe(true);

  const second = first.survivor(survival, randomOf(at));
  // what readers of the checkpoint ask for is there before anything was mended
  await assertServed(second, PUBLIC, read(second.peek(CHECKPOINT)!), growth.firstTile);
  const store = await LogStore.open({ dir: DIR }, second);
  const { size } = store.head;
  expect([size >= told.head, Number(store.nextOffset)]).toEqual([true, size]);
  witness.watch(second, CHECKPOINT);
  expect(read(second.peek(CHECKPOINT)!).size).toBeGreaterThanOrEqual(told.published);

  // the topic may have lost what nobody was told of: other entries from there on
  const more = size + 300;
  expect(await store.append(entriesOf(size, more, 1), BigInt(more))).toEqual({ size: more, root: rootOfFork(size, more) });
  await store.publish(sign(store.head));
  await assertServed(second, PUBLIC, read(store.checkpoint!), growth.firstTile);
  expect(second.files('/log/staging')).toEqual([]);
}

describe.each(GROWTHS)('growing $name', (growth) => {
  it.each<Survival>(['kill', 'cut', 'random'])('and killed before any system call: the next process has all that was told, shows no smaller checkpoint, and never two roots for a size (%s)', async (survival) => {
    const { disk, calls } = await baseOf(growth);
    for (const { number, name, path } of calls.filter((_, i) => i % growth.every === 0)) {
      await expectSurvival(growth, disk, number, survival).catch((error: unknown) => { throw new Error(`killed before call ${number}, ${name} ${path}: ${String(error)}`, { cause: error }); });
    }
  }, PATIENCE_MS);

  it.each([
    ['ENOSPC', 'ATS_LOG_DISK_FULL', ['create', 'write', 'sync', 'mkdir', 'link', 'rename']],
    ['EIO', 'ATS_LOG_DISK_FAILED', ['write', 'sync', 'syncFolder', 'link', 'rename', 'remove']],
  ])('on a disk that answers any system call with %s: it is told by a code, nothing is lost, and the same call goes on when it is over', async (code, expected, names) => {
    const { disk: base, calls } = await baseOf(growth);
    for (const { number: at } of calls.filter(({ name }) => names.includes(name)).filter((_, i) => i % growth.every === 0)) {
      const disk = base.survivor('kill');
      new Witness().watch(disk, CHECKPOINT);
      disk.before = ({ number, path }) => { if (number === at) throw errno(code, path); };
      const told: Told = { head: 0, published: 0 };
      const codes: string[] = [];
      const store = await live(growth, disk, told, (error) => {
        if (!isAtsError(error) || codes.length > 2) throw error;
        codes.push(error.code);
      });
      // a failure behind a step that stands is nobody's; it is told of no more than once
      expect([[], [expected]]).toContainEqual(codes);
      expect(store.head.root).toEqual(rootOfFork(store.head.size, store.head.size));
      // and what was told is durable although a sync failed before
      const after = await LogStore.open({ dir: DIR }, disk.survivor('cut'));
      expect([after.head, read(after.checkpoint!).size]).toEqual([store.head, told.published]);
    }
  }, PATIENCE_MS);

  it('by two writers that no lock holds apart, one asleep before any of its system calls: when it wakes, it cannot make a second tree', async () => {
    const { disk: base, calls } = await baseOf(growth);
    for (let at = 1; ; at += growth.every) {
      const disk = base.survivor('kill');
      disk.without.add('lock');
      const heads = new Map<number, string>();
      const tell = ({ size, root }: TreeHead): void => {
        const known = heads.get(size) ?? root.toString('hex');
        if (known !== root.toString('hex')) throw new Error(`two roots for ${size} entries, asleep before call ${at}`);
        heads.set(size, known);
      };
      const sleeper = new Sleeper(disk, at);
      const first = (async () => {
        const store = await LogStore.open({ dir: DIR }, sleeper.disk);
        for (const step of growth.sizes) {
          const size = Number.parseInt(step);
          tell(await store.append(entriesOf(store.head.size, size), BigInt(size)));
          await store.publish(sign(store.head));
        }
      })().then(() => undefined, (error: unknown) => error);
      if (await Promise.race([sleeper.asleep, first.then(() => false)]) === false) {
        expect(at).toBeGreaterThan(calls.length);
        return; // it has no more calls
      }
      // the other one finds what the sleeper left, and goes on with other entries
      const store = await LogStore.open({ dir: DIR }, disk);
      tell(store.head);
      tell(await store.append(entriesOf(store.head.size, store.head.size + 550, 1), 1_000_000n));
      await store.publish(sign(store.head));
      const { size, root } = store.head;
      sleeper.wake();
      const refused = await first;
      if (refused !== undefined && !isAtsError(refused)) throw refused;
      // What the second one committed stands. Only what readers see can be the sleeper's last rename, which the lock alone prevents: put right by hand.
      disk.poke(CHECKPOINT, store.checkpoint!);
      const after = await LogStore.open({ dir: DIR }, disk);
      expect([after.head.size >= size, await rootFromTiles(size, after.tiles)]).toEqual([true, root]);
    }
  }, PATIENCE_MS);
});

/** A disk as a process sees it that falls asleep before its system call `at`: what it would do side by side waits as well. */
class Sleeper {
  readonly asleep: Promise<boolean>;
  readonly disk: Disk;
  wake: () => void = () => {};
  #calls = 0;

  constructor(disk: ModelDisk, at: number) {
    const awake = new Promise<void>((resolve) => { this.wake = resolve; });
    let fallAsleep = (): void => {};
    this.asleep = new Promise((resolve) => { fallAsleep = () => resolve(true); });
    const tired = <A extends unknown[], T>(call: (...args: A) => Promise<T>) => async (...args: A): Promise<T> => {
      if (++this.#calls >= at) {
        fallAsleep();
        await awake;
      }
      return await call(...args);
    };
    this.disk = {
      create: tired(async (path) => {
        const file = await disk.create(path);
        return { write: tired((bytes) => file.write(bytes)), sync: tired(() => file.sync()), close: tired(() => file.close()) };
      }),
      link: tired((from, to) => disk.link(from, to)), rename: tired((from, to) => disk.rename(from, to)), remove: tired((path) => disk.remove(path)),
      mkdir: tired((path) => disk.mkdir(path)), rmdir: tired((path) => disk.rmdir(path)), syncFolder: tired((path) => disk.syncFolder(path)),
      read: (path) => disk.read(path), list: (path) => disk.list(path), lock: (path) => disk.lock(path),
    };
  }
}
