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

/** Sizes that the log grows to: within a tile, twice, over its end by two and a bit, within again; `+` publishes. At 65,536 a tile of level 1 is full. */
const GROWTH = ['65290', '65295+', '65530+', '65800+', '65801+'];
const START = 65_285;
const END = 65_801;
/** Tiles from here on are looked at in full: what a crash can have touched. */
const FIRST_TILE = 255;
/** Some hundred lives a test; seconds, unless others use the machine. */
const PATIENCE_MS = 300_000;

/** A log, published; made once. */
async function grown(): Promise<ModelDisk> {
  const disk = new ModelDisk();
  await LogStore.create({ dir: DIR, origin: ORIGIN }, disk);
  const store = await LogStore.open({ dir: DIR }, disk);
  await store.append(entriesOf(0, START), BigInt(START));
  await store.publish(sign(store.head));
  await store.close();
  return disk.survivor('cut');
}

/** What one life of the process did, as its caller was told. */
interface Told { head: number; published: number }

/** Goes on with the growth from where the store stands; `again` repeats a refused call, as chain-anchor does. */
async function live(disk: ModelDisk, told: Told, again: (error: unknown) => void): Promise<LogStore> {
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
  for (const step of GROWTH) {
    const size = Number.parseInt(step);
    if (size > store.head.size) {
      await insist(() => store.append(entriesOf(store.head.size, size), BigInt(size)));
      told.head = size;
    }
    if (step.endsWith('+') && (store.checkpoint === undefined || read(store.checkpoint).size < size)) {
      const note = sign(store.head);
      await insist(() => store.publish(note));
      told.published = store.head.size;
    }
  }
  return store;
}

const rethrow = (error: unknown): never => { throw error; };

let base: ModelDisk;
let calls: Call[];
beforeAll(async () => {
  base = await grown();
  const disk = base.survivor('kill');
  calls = [];
  disk.before = (call) => void calls.push(call);
  await live(disk, { head: 0, published: 0 }, rethrow);
});

/** Kills the process before its call `at`, lets the next one find what survived, and holds what may never happen against it. */
async function expectSurvival(at: number, survival: Survival, spoil: (disk: ModelDisk) => void = () => {}): Promise<void> {
  const random = randomOf(at);
  const first = base.survivor('kill');
  spoil(first);
  const witness = new Witness();
  witness.watch(first, CHECKPOINT);
  const told: Told = { head: START, published: START };
  first.before = ({ number }) => { if (number === at) throw new Killed(); };
  // killed while it tidies behind its last step, it has told all
  await live(first, told, rethrow).catch((error: unknown) => { if (!first.dead) throw error; });
  expect(first.dead).toBe(true);

  const second = first.survivor(survival, random);
  const signed = { ...told };
  // what readers of the old checkpoint ask for is there before anything was mended
  const shown = second.peek(CHECKPOINT);
  if (!shown) throw new Error('the checkpoint is gone');
  await assertServed(second, PUBLIC, read(shown), FIRST_TILE);
  const third = await LogStore.open({ dir: DIR }, second);
  const { size } = third.head;
  expect([size >= signed.head, Number(third.nextOffset)]).toEqual([true, size]);
  await third.close();
  witness.watch(second, CHECKPOINT);
  expect(read(second.peek(CHECKPOINT)!).size).toBeGreaterThanOrEqual(signed.published);

  // the topic may have lost what nobody was told of: other entries from there on
  const store = await LogStore.open({ dir: DIR }, second);
  const more = size + 300;
  expect(await store.append(entriesOf(size, more, 1), BigInt(more))).toEqual({ size: more, root: rootOfFork(size, more) });
  await store.publish(sign(store.head));
  await assertServed(second, PUBLIC, read(store.checkpoint!), FIRST_TILE);
  expect(second.files('/log/staging')).toEqual([]);
}

describe('killed before any system call, the next process', () => {
  it.each<Survival>(['kill', 'cut', 'random'])('has all that was told, shows no smaller checkpoint, and never two roots for a size (%s)', async (survival) => {
    for (let at = 1; at <= calls.length; at++) {
      await expectSurvival(at, survival).catch((error: unknown) => { throw new Error(`killed before call ${at}, ${calls[at - 1]!.name} ${calls[at - 1]!.path}: ${String(error)}`, { cause: error }); });
    }
  }, PATIENCE_MS);
});

describe('a disk that fails at any system call', () => {
  it.each([
    ['ENOSPC', ['create', 'write', 'sync', 'mkdir', 'link', 'rename']],
    ['EIO', ['write', 'sync', 'syncFolder', 'link', 'rename', 'remove']],
  ])('with %s is told by a code, loses nothing, and the same call goes on when it is over', async (code, names) => {
    for (const { number: at } of calls.filter(({ name }) => names.includes(name))) {
      const disk = base.survivor('kill');
      const witness = new Witness();
      witness.watch(disk, CHECKPOINT);
      disk.before = ({ number, path }) => { if (number === at) throw errno(code, path); };
      const told: Told = { head: 0, published: 0 };
      const codes: unknown[] = [];
      const store = await live(disk, told, (error) => {
        if (!isAtsError(error, code === 'ENOSPC' ? 'ATS_LOG_DISK_FULL' : 'ATS_LOG_DISK_FAILED')) throw error;
        codes.push(error.code);
      });
      expect([store.head.size, codes.length <= 1]).toEqual([END, true]);
      expect(store.head.root).toEqual(rootOfFork(END, END));
      // and what was told is durable although a sync failed before
      const after = await LogStore.open({ dir: DIR }, disk.survivor('cut'));
      expect(after.head).toEqual(store.head);
      expect(read(after.checkpoint!).size).toBe(told.published);
    }
  }, PATIENCE_MS);
});

it('two writers that no lock holds apart: stopped before any system call, the one that wakes cannot make a second tree', async () => {
  for (let at = 1; ; at++) {
    const disk = base.survivor('kill');
    disk.without.add('lock');
    let woken = (): void => {};
    const asleep = new Promise<void>((resolve) => { woken = resolve; });
    let fellAsleep = (): void => {};
    const isAsleep = new Promise<boolean>((resolve) => { fellAsleep = () => resolve(true); });
    // only the first writer's calls come through this view
    const view = sleeping(disk, at, () => { fellAsleep(); return asleep; });
    const heads = new Map<number, string>();
    const tell = ({ size, root }: TreeHead): void => {
      const known = heads.get(size) ?? root.toString('hex');
      if (known !== root.toString('hex')) throw new Error(`two roots for ${size} entries, asleep before call ${at}`);
      heads.set(size, known);
    };
    const first = (async () => {
      const store = await LogStore.open({ dir: DIR }, view);
      for (const size of [65_600, 66_100, 66_200]) {
        tell(await store.append(entriesOf(store.head.size, size), BigInt(size)));
        await store.publish(sign(store.head));
      }
    })().then(() => undefined, (error: unknown) => error);
    if (await Promise.race([isAsleep, first.then(() => false)]) === false) {
      expect(at).toBeGreaterThan(100);
      return; // it has no more calls
    }
    // the other one finds what the stopped one left, and goes on with other entries
    const store = await LogStore.open({ dir: DIR }, disk);
    tell(store.head);
    tell(await store.append(entriesOf(store.head.size, store.head.size + 550, 1), 1_000_000n));
    await store.publish(sign(store.head));
    const { size, root } = store.head;
    woken();
    const refused = await first;
    if (refused !== undefined && !isAtsError(refused)) throw refused;
    // what the second one committed stands, whoever is seen at the moment
    expect(await rootFromTiles(size, store.tiles)).toEqual(root);
  }
}, PATIENCE_MS);

/** The same disk, seen by a process that falls asleep before its system call `at`. */
function sleeping(disk: ModelDisk, at: number, sleep: () => Promise<void>): Disk {
  let calls = 0;
  const maybe = async (): Promise<void> => { if (++calls === at) await sleep(); };
  const before = <A extends unknown[], T>(call: (...args: A) => Promise<T>) => async (...args: A): Promise<T> => {
    await maybe();
    return await call(...args);
  };
  return {
    create: before(async (path: string) => {
      const file = await disk.create(path);
      return { write: before((bytes: Buffer) => file.write(bytes)), sync: before(() => file.sync()), close: before(() => file.close()) };
    }),
    link: before((from: string, to: string) => disk.link(from, to)), rename: before((from: string, to: string) => disk.rename(from, to)),
    remove: before((path: string) => disk.remove(path)), mkdir: before((path: string) => disk.mkdir(path)), rmdir: before((path: string) => disk.rmdir(path)),
    syncFolder: before((path: string) => disk.syncFolder(path)), read: (path) => disk.read(path), list: (path) => disk.list(path), lock: (path) => disk.lock(path),
  };
}
