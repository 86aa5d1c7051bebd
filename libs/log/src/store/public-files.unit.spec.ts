import { EventEmitter, once } from 'node:events';
import { errno, Killed, ModelDisk, type Survival } from '../../test/store-model-disk.js';
import { randomOf } from '../../test/store-world.js';
import { layoutOf } from './layout.js';
import { PublicFiles, type PublicFile } from './public-files.js';

/** Some hundred lives a test; a second, unless others use the machine. */
const PATIENCE_MS = 120_000;

const layout = layoutOf('/log');
/** More than are synced side by side, twice. */
const files: PublicFile[] = Array.from({ length: 70 }, (_, i) => ({ path: `tile/${i % 2}/${String(i).padStart(3, '0')}`, bytes: Buffer.from(`the bytes of file ${i}`) }));
const served = (path: string): string => `${layout.public}/${path}`;
const nothing = async (): Promise<void> => {};

async function emptyDisk(): Promise<ModelDisk> {
  const disk = new ModelDisk();
  for (const folder of [layout.dir, layout.staging, layout.public]) await disk.mkdir(folder);
  for (const folder of ['/', layout.dir]) await disk.syncFolder(folder);
  disk.calls = 0;
  return disk;
}

describe('files that are placed', () => {
  it.each<Survival>(['kill', 'cut', 'random'])('stand under their names whole or not at all, whatever call the process is killed before (%s)', async (survival) => {
    for (let at = 1; ; at++) {
      const disk = await emptyDisk();
      disk.before = ({ number }) => { if (number === at) throw new Killed(); };
      const placed = await new PublicFiles(disk, layout).place(files, 'never', nothing).then(() => true, () => false);
      const after = disk.survivor(survival, randomOf(at));
      const wrong = files.map(({ path, bytes }) => ({ at, path, bytes, found: after.peek(served(path)) })).filter(({ bytes, found }) => (found ? !found.equals(bytes) : placed));
      expect(wrong).toEqual([]);
      if (placed) return;
    }
  }, PATIENCE_MS);

  it('survive a power cut when it is told that they are placed, and so do the bytes that were to be synced beside them', async () => {
    const disk = await emptyDisk();
    const beside = `${layout.staging}/beside`;
    await new PublicFiles(disk, layout).place(files, 'never', async () => {
      const file = await disk.create(beside);
      await file.write(Buffer.from('beside'));
      await file.sync();
      await file.close();
      await disk.link(beside, `${layout.public}/beside`);
      await disk.syncFolder(layout.public);
    });
    const after = disk.survivor('cut');
    expect(files.map(({ path }) => after.peek(served(path)))).toEqual(files.map(({ bytes }) => bytes));
    expect(String(after.peek(`${layout.public}/beside`))).toBe('beside');
  });

  it('leave nothing open and nothing under way when a call fails, whichever it is', async () => {
    for (let at = 1; ; at++) {
      const disk = await emptyDisk();
      let open = 0;
      disk.before = ({ number, path }) => { if (number === at) throw errno('EIO', path); };
      disk.after = ({ name }) => { open += name === 'create' ? 1 : name === 'close' ? -1 : 0; };
      const placed = await new PublicFiles(disk, layout).place(files, 'never', nothing).then(() => true, ({ code }) => {
        expect(code).toBe('EIO');
        return false;
      });
      const { calls } = disk;
      await new Promise((resolve) => { setImmediate(resolve); });
      // the call that failed may have been a close
      expect([disk.calls, open <= 1]).toEqual([calls, true]);
      if (placed) return;
    }
  }, PATIENCE_MS);

  it('are made while the next ones are still to come', async () => {
    const disk = await emptyDisk();
    const given = new EventEmitter();
    const links: string[] = [];
    disk.after = ({ name, path }) => {
      if (name !== 'link') return;
      links.push(path);
      given.emit(path);
    };
    async function* coming(): AsyncGenerator<PublicFile> {
      const first = once(given, served(files[0]!.path));
      yield* files.slice(0, 40);
      expect(links).toEqual([]); // asked for more while those are synced
      await first; // never, were they to wait for all
      yield* files.slice(40);
    }
    await new PublicFiles(disk, layout).place(coming(), 'never', nothing);
    expect(links).toEqual(files.map(({ path }) => served(path)));
  });

  it('are open 32 at a time at most, however fast they come', async () => {
    const disk = await emptyDisk();
    let open = 0;
    let most = 0;
    disk.after = ({ name }) => {
      open += name === 'create' ? 1 : name === 'close' ? -1 : 0;
      most = Math.max(most, open);
    };
    await new PublicFiles(disk, layout).place(files, 'never', nothing);
    expect([open, most]).toEqual([0, 32]);
  });

  it('leave nothing under way when those to come do not come', async () => {
    const disk = await emptyDisk();
    async function* coming(): AsyncGenerator<PublicFile> {
      yield* files.slice(0, 40);
      throw new Error('no more of them');
    }
    await expect(new PublicFiles(disk, layout).place(coming(), 'never', nothing)).rejects.toThrow('no more of them');
    const { calls } = disk;
    await new Promise((resolve) => { setImmediate(resolve); });
    expect(disk.calls).toBe(calls);
  });

  it('are not placed over what another process wrote, unless it is the same', async () => {
    const disk = await emptyDisk();
    await new PublicFiles(disk, layout).place(files, 'never', nothing);
    const others = [{ path: files[0]!.path, bytes: Buffer.from('other bytes') }];
    const again = (what: readonly PublicFile[], taken: 'same' | 'never') => disk.list(layout.staging)
      .then((names) => Promise.all(names.map((name) => disk.remove(`${layout.staging}/${name}`))))
      .then(() => new PublicFiles(disk, layout).place(what, taken, nothing));
    await again(files, 'same');
    for (const [what, taken] of [[files, 'never'], [others, 'same']] as const) await expect(again(what, taken)).rejects.toMatchObject({ code: 'ATS_LOG_FORKED' });
    expect(files.map(({ path }) => disk.peek(served(path)))).toEqual(files.map(({ bytes }) => bytes));
  });
});
