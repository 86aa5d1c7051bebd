import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isAtsError } from '#libs/errors';
import { nodeDisk, type Disk } from '../src/store/disk.js';
import { LogStore } from '../src/store/log-store.js';
import { rootFromTiles } from '../src/tree-from-tiles.js';
import { DirectoryTiles } from '../src/tile-sources.js';
import { ModelDisk } from './store-model-disk.js';
import { assertServed, entriesOf, ORIGIN, read, rootOfEntries, sign } from './store-world.js';

const run = promisify(execFile);

/** Appends and publishes until the disk has no room, several times over; makes room; goes on. */
async function fill(dir: string, disk: Disk, makeRoom: () => void, look: (note: Buffer) => Promise<void>): Promise<void> {
  const store = await LogStore.open({ dir }, disk);
  let refusals = 0;
  const insist = async (action: () => Promise<unknown>): Promise<void> => {
    for (;;) {
      try {
        await action();
        return;
      } catch (error) {
        if (!isAtsError(error, 'ATS_LOG_DISK_FULL')) throw error;
        refusals++;
        // still full: again refused, and readers have the whole of what was published
        const note = await disk.read(join(dir, 'public/checkpoint'));
        if (note) await look(note);
        if (refusals % 3 === 0) makeRoom();
      }
    }
  };
  for (let size = 700; refusals === 0 || size % 7000 !== 0; size += 700) {
    await insist(() => store.append(entriesOf(store.head.size, size), BigInt(size)));
    await insist(() => store.publish(sign(store.head)));
    expect(size).toBeLessThan(100_000);
  }
  expect(refusals).toBeGreaterThanOrEqual(3);
  const { head } = store;
  expect(head.root).toEqual(rootOfEntries(entriesOf(0, head.size)));
  await look(store.checkpoint!);
  await store.close();
  expect((await LogStore.open({ dir }, disk)).head).toEqual(head);
}

it('a disk that fills up: told by its code, nothing lost, and it goes on when there is room again', async () => {
  const disk = new ModelDisk();
  await LogStore.create({ dir: '/log', origin: ORIGIN }, disk);
  disk.capacity = 300_000;
  await fill('/log', disk, () => { disk.capacity += 1_000_000; }, (note) => assertServed(disk, '/log/public', read(note)));
});

it('the same on a real file system of 1 MiB, where one may be mounted', async () => {
  const mount = mkdtempSync(join(tmpdir(), 'attestream-full-'));
  if (!await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mount]).then(() => true, () => false)) {
    rmSync(mount, { recursive: true });
    return; // not root, or a container without the right: the test above stands for it
  }
  try {
    const dir = join(mount, 'log');
    await LogStore.create({ dir, origin: ORIGIN });
    const ballast = join(mount, 'ballast');
    writeFileSync(ballast, Buffer.alloc(600_000));
    let ballastThere = true;
    await fill(dir, nodeDisk, () => {
      expect(ballastThere).toBe(true);
      rmSync(ballast);
      ballastThere = false;
    }, async (note) => {
      const { size, root } = read(note);
      expect(await rootFromTiles(size, new DirectoryTiles(join(dir, 'public')))).toEqual(root);
    });
  } finally {
    await run('umount', ['-l', mount]);
    rmSync(mount, { recursive: true });
  }
});
