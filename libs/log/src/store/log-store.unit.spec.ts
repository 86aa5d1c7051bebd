import { ModelDisk, errno } from '../../test/store-model-disk.js';
import { assertServed, entriesOf, ORIGIN, read, rootOfEntries, sign } from '../../test/store-world.js';
import { leafHash } from '../rfc6962.js';
import { consistencyProof, inclusionProof } from '../tree-from-tiles.js';
import { verifyConsistency, verifyInclusion } from '../rfc6962.js';
import { LogStore } from './log-store.js';

const DIR = '/log';
const CHECKPOINT = '/log/public/checkpoint';

let disk: ModelDisk;
let store: LogStore;
beforeEach(async () => {
  disk = new ModelDisk();
  await LogStore.create({ dir: DIR, origin: ORIGIN }, disk);
  store = await LogStore.open({ dir: DIR }, disk);
});

const grow = (to: number, branch = 0) => store.append(entriesOf(store.head.size, to, branch), BigInt(to));
const grownTo = async (to: number): Promise<void> => {
  await grow(to);
  await store.publish(sign(store.head));
};
const reopen = async (): Promise<LogStore> => {
  await store.close();
  return (store = await LogStore.open({ dir: DIR }, disk));
};
const code = (name: string) => expect.objectContaining({ code: name });

describe('a log', () => {
  it('is made empty, with what it says of itself', async () => {
    expect([store.origin, store.head.size, store.nextOffset, store.firstIndex, store.firstOffset, store.checkpoint]).toEqual([ORIGIN, 0, 0n, 0, 0n, undefined]);
    expect(store.head.root.toString('hex')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    await store.publish(sign(store.head));
    expect(read(disk.peek(CHECKPOINT)!).size).toBe(0);
  });

  it('is never made where something is, and never opened where none was made', async () => {
    await expect(LogStore.create({ dir: DIR, origin: ORIGIN }, disk)).rejects.toEqual(code('ATS_LOG_EXISTS'));
    await expect(LogStore.create({ dir: '/no/log', origin: ORIGIN }, disk)).rejects.toEqual(code('ATS_LOG_MISSING'));
    await expect(LogStore.open({ dir: '/other' }, disk)).rejects.toEqual(code('ATS_LOG_MISSING'));
    expect(disk.files('/')).toEqual(disk.files('/').filter((file) => file.startsWith('//log/')));
  });

  it('is made whole or not at all, whatever call of its making fails', async () => {
    for (let at = 1; ; at++) {
      const fresh = new ModelDisk();
      fresh.before = ({ number, path }) => { if (number === at) throw errno('ENOSPC', path); };
      const made = await LogStore.create({ dir: DIR, origin: ORIGIN }, fresh).then(() => true, (error: unknown) => {
        expect(error).toEqual(code('ATS_LOG_DISK_FULL'));
        return false;
      });
      if (made) return;
      const left = fresh.survivor('cut');
      // either there is none and it can be made, or the whole of it is there
      await LogStore.create({ dir: DIR, origin: ORIGIN }, left).catch((error: unknown) => { expect(error).toEqual(code('ATS_LOG_EXISTS')); });
      await expect(LogStore.open({ dir: DIR }, left)).resolves.toMatchObject({ origin: ORIGIN });
    }
  });

  it('that succeeds another has its checkpoint as entry 0, and reads the topic from where it is told', async () => {
    const note = sign({ size: 7, root: leafHash(Buffer.from('root')) }, 'log.example/predecessor');
    await LogStore.create({ dir: '/next', origin: ORIGIN, firstEntry: note, firstOffset: 123n }, disk);
    const next = await LogStore.open({ dir: '/next' }, disk);
    expect([next.head, next.nextOffset, next.firstIndex, next.firstOffset]).toEqual([{ size: 1, root: leafHash(note) }, 123n, 1, 123n]);
    expect(await next.tiles.entries(0, 1)).toEqual(Buffer.concat([Buffer.from([note.length >> 8, note.length & 255]), note]));
  });
});

describe('appending', () => {
  it.each([1, 255, 256, 257, 65_535, 65_536])('gives the RFC 6962 root of %d entries', async (size) => {
    const root = rootOfEntries(entriesOf(0, size));
    await grow(size);
    expect(store.head).toEqual({ size, root });
    expect((await reopen()).head).toEqual({ size, root });
  });

  it('gives proofs of every tree up to the head, from the tiles it has', async () => {
    for (const size of [200, 256, 300, 1000]) await grow(size);
    const { size, root } = store.head;
    for (const index of [0, 255, 256, 999]) {
      expect(verifyInclusion({ leafHash: leafHash(entriesOf(index, index + 1)[0]!), index, size, root, proof: await inclusionProof(index, size, store.tiles) })).toBe(true);
    }
    for (const from of [1, 200, 256, 300, 999]) {
      expect(verifyConsistency({ from, fromRoot: rootOfEntries(entriesOf(0, from)), to: size, toRoot: root, proof: await consistencyProof(from, size, store.tiles) })).toBe(true);
    }
    await expect(store.tiles.tile(0, 3, 240)).rejects.toEqual(code('ATS_TILE_MISSING'));
    await expect(store.tiles.entries(4, 1)).rejects.toEqual(code('ATS_TILE_MISSING'));
  });

  it('keeps the offset to read on from, also when no entry came', async () => {
    await store.append(entriesOf(0, 3), 9n);
    await store.append([], 12n);
    expect([(await reopen()).nextOffset, store.head.size]).toEqual([12n, 3]);
    await expect(store.append(entriesOf(3, 4), 11n)).rejects.toThrow(RangeError);
  });

  it('takes entries of nothing and of 65,535 bytes, and none above', async () => {
    await store.append([Buffer.alloc(0), Buffer.alloc(65_535, 7)], 2n);
    await expect(store.append([Buffer.from('x'), Buffer.alloc(65_536)], 4n)).rejects.toEqual(code('ATS_LOG_ENTRY_TOO_LARGE'));
    expect([(await reopen()).head.size, store.nextOffset]).toEqual([2, 2n]);
  });

  it('does not keep the buffers it was given', async () => {
    const entry = Buffer.from('an entry');
    await store.append([entry], 1n);
    entry.fill(0);
    await store.append(entriesOf(1, 256), 256n);
    expect(store.head.root).toEqual(rootOfEntries([Buffer.from('an entry'), ...entriesOf(1, 256)]));
    expect((await store.tiles.entries(0, 1)).subarray(2).toString()).toBe('an entry');
  });

  it('and publishing take turns when they are called at once', async () => {
    await grow(10);
    const note = sign(store.head);
    await Promise.all([store.append(entriesOf(10, 300), 300n), store.publish(note), store.append(entriesOf(300, 310), 310n)]);
    expect([read(store.checkpoint!).size, store.head]).toEqual([10, { size: 310, root: rootOfEntries(entriesOf(0, 310)) }]);
    await assertServed(disk, store.publicDir, read(store.checkpoint!));
  });
});

describe('publishing', () => {
  it('takes any head that the store had, and serves all of its tiles', async () => {
    await grow(200);
    const early = sign(store.head);
    await grow(256);
    const full = sign(store.head);
    await grow(65_000);
    await grow(70_000);
    for (const note of [early, full, sign(store.head)]) {
      await store.publish(note);
      expect(disk.peek(CHECKPOINT)).toEqual(note);
      await assertServed(disk, store.publicDir, read(note));
    }
  });

  it('refuses a smaller size, another root, another origin and what is no checkpoint; readers see none of them', async () => {
    await grow(100);
    const older = sign(store.head);
    await grownTo(300);
    const shown = disk.peek(CHECKPOINT);
    const other = { size: 300, root: leafHash(Buffer.from('another')) };
    await expect(store.publish(older)).rejects.toEqual(code('ATS_LOG_FORKED'));
    await expect(store.publish(sign(other))).rejects.toEqual(code('ATS_LOG_FORKED'));
    await expect(store.publish(sign({ ...other, size: 301 }))).rejects.toEqual(code('ATS_LOG_FORKED'));
    await expect(store.publish(sign(store.head, 'log.example/foreign'))).rejects.toEqual(code('ATS_CHECKPOINT_FOREIGN'));
    await expect(store.publish(older.subarray(0, 40))).rejects.toEqual(code('ATS_NOTE_MALFORMED'));
    await expect(store.publish(Buffer.from('no checkpoint\n\n— a AAAAAAA=\n'))).rejects.toEqual(code('ATS_CHECKPOINT_MALFORMED'));
    expect([disk.peek(CHECKPOINT), (await reopen()).checkpoint]).toEqual([shown, shown]);
    await grownTo(301);
  });

  it('takes a size again with more signatures', async () => {
    await grownTo(5);
    const more = Buffer.concat([sign(store.head), Buffer.from('— witness.example AAAAAAA=\n')]);
    await store.publish(more);
    expect((await reopen()).checkpoint).toEqual(more);
  });

  it('keeps partial tiles until the published checkpoint has the full ones, then removes them', async () => {
    const partials = () => disk.files('/log/public').filter((file) => file.includes('.p/'));
    await grownTo(100);
    await grownTo(120);
    await grow(600);
    // readers of 120 entries still ask for them
    expect(partials()).toEqual(expect.arrayContaining(['/log/public/tile/0/000.p/120', '/log/public/tile/entries/000.p/120', '/log/public/tile/0/000.p/100']));
    await store.publish(sign(store.head));
    expect(partials().toSorted()).toEqual(['/log/public/tile/0/002.p/88', '/log/public/tile/1/000.p/2', '/log/public/tile/entries/002.p/88']);
  });
});

describe('what was changed from outside is found when the log is opened, and nothing is mended', () => {
  const flip = (path: string): void => {
    const bytes = Buffer.from(disk.peek(path)!);
    bytes[bytes.length >> 1]! ^= 1;
    disk.poke(path, bytes);
  };
  const damages: [string, string, () => void][] = [
    ['a tile of the edge', 'ATS_LOG_DAMAGED', () => flip('/log/public/tile/0/001')],
    ['an entry bundle of the edge', 'ATS_LOG_DAMAGED', () => flip('/log/public/tile/entries/001')],
    ['half a tile', 'ATS_LOG_DAMAGED', () => disk.poke('/log/public/tile/0/001', disk.peek('/log/public/tile/0/001')!.subarray(0, 100))],
    ['half an entry bundle', 'ATS_LOG_DAMAGED', () => disk.poke('/log/public/tile/entries/001', disk.peek('/log/public/tile/entries/001')!.subarray(0, 100))],
    ['a state with another byte', 'ATS_LOG_DAMAGED', () => flip(disk.files('/log/state')[0]!)],
    ['an identity that is none', 'ATS_LOG_DAMAGED', () => disk.poke('/log/log.json', Buffer.from('{}'))],
    ['half a checkpoint', 'ATS_NOTE_MALFORMED', () => disk.poke(CHECKPOINT, disk.peek(CHECKPOINT)!.subarray(0, 30))],
    ['a checkpoint without its root', 'ATS_CHECKPOINT_MALFORMED', () => disk.poke(CHECKPOINT, Buffer.from(`${ORIGIN}\n600\n\n— a AAAAAAA=\n`))],
    ['a foreign checkpoint', 'ATS_CHECKPOINT_FOREIGN', () => disk.poke(CHECKPOINT, sign(store.head, 'log.example/foreign'))],
    ['a checkpoint with another root', 'ATS_LOG_FORKED', () => disk.poke(CHECKPOINT, sign({ size: 600, root: leafHash(Buffer.from('x')) }))],
    ['an older checkpoint of its own', 'ATS_LOG_FORKED', () => disk.poke(CHECKPOINT, sign({ size: 100, root: rootOfEntries(entriesOf(0, 100)) }))],
    ['a checkpoint ahead of the log', 'ATS_LOG_FORKED', () => disk.poke(CHECKPOINT, sign({ size: 601, root: rootOfEntries(entriesOf(0, 601)) }))],
    ['a kept checkpoint with another root', 'ATS_LOG_FORKED', () => disk.poke(disk.files('/log/published')[0]!, sign({ size: 600, root: leafHash(Buffer.from('x')) }))],
  ];
  it.each(damages)('%s: %s', async (_, expected, damage) => {
    await grownTo(600);
    damage();
    const before = disk.files('/log').map((file) => [file, disk.peek(file)]);
    await store.close();
    await expect(LogStore.open({ dir: DIR }, disk)).rejects.toEqual(code(expected));
    expect(disk.files('/log').map((file) => [file, disk.peek(file)])).toEqual(before);
  });

  it('a checkpoint that is gone, kept copy and all: ATS_LOG_DAMAGED', async () => {
    await grownTo(600);
    await grow(610);
    await store.close();
    for (const file of [CHECKPOINT, ...disk.files('/log/published')]) await disk.remove(file);
    await expect(LogStore.open({ dir: DIR }, disk)).rejects.toEqual(code('ATS_LOG_DAMAGED'));
  });

  it('a checkpoint that changes while the log is open stops publishing', async () => {
    await grownTo(10);
    disk.poke(CHECKPOINT, sign({ size: 9, root: rootOfEntries(entriesOf(0, 9)) }));
    await grow(20);
    await expect(store.publish(sign(store.head))).rejects.toEqual(code('ATS_LOG_FORKED'));
    expect(read(disk.peek(CHECKPOINT)!).size).toBe(9);
  });
});

it('a second writer is refused, and another that the lock does not hold back can commit nothing after it', async () => {
  await expect(LogStore.open({ dir: DIR }, disk)).rejects.toEqual(code('ATS_LOG_LOCKED'));
  disk.without.add('lock');
  const other = await LogStore.open({ dir: DIR }, disk);
  await grownTo(300);
  const files = disk.files('/log');
  await expect(other.append(entriesOf(0, 300, 1), 300n)).rejects.toEqual(code('ATS_LOG_FORKED'));
  await expect(other.publish(sign(other.head))).rejects.toEqual(code('ATS_LOG_FORKED'));
  await expect(other.append(entriesOf(0, 300, 1), 300n)).rejects.toEqual(code('ATS_LOG_FORKED'));
  expect(disk.files('/log')).toEqual(files);
  await grownTo(301);
});
