import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isSignedWindow, type SignedWindow } from '#libs/edge';
import { SigningJournal } from './signing-journal.js';

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'journal-')); });
afterEach(() => { rmSync(folder, { recursive: true }); });

const key = Buffer.alloc(32, 5);
const path = () => join(folder, 'journal');
const readings = (seed: number) => Array.from({ length: 16 }, (_, i) => seed + i);
const losses: number[] = [];
beforeEach(() => { losses.length = 0; });
const open = (currentEpoch = 50, limits?: { windows: number; growthBytes: number }) =>
  SigningJournal.open({ path: path(), key, epochSeconds: 30, currentEpoch, onLoss: (stretches) => losses.push(stretches), limits });
const REFUSED = /ATS_SENSOR_ALREADY_SIGNED/;

describe('the signing journal', () => {
  it('signs a window once: the same one gets the same signature, other readings of its epoch none, also after a restart', async () => {
    const journal = await open();
    const signed = await journal.sign({ stream: 'load', epoch: 7, readings: readings(1) });
    expect(isSignedWindow(signed)).toBe(true);
    for (const at of [journal, await (async () => { await journal.close(); return open(); })()]) {
      expect(await at.sign({ stream: 'load', epoch: 7, readings: readings(1) })).toEqual(signed);
      await expect(at.sign({ stream: 'load', epoch: 7, readings: readings(2) })).rejects.toThrow(REFUSED);
      if (at !== journal) {
        expect(isSignedWindow(await at.sign({ stream: 'open-files', epoch: 7, readings: readings(2) }))).toBe(true);
        expect(isSignedWindow(await at.sign({ stream: 'load', epoch: 6, readings: readings(2) }))).toBe(true);
        await at.close();
      }
    }
  });

  it('gives two windows that ask at once for one epoch a single signature', async () => {
    const journal = await open();
    const both = await Promise.allSettled([1, 2].map((seed) => journal.sign({ stream: 'load', epoch: 7, readings: readings(seed) })));
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    await journal.close();
  });

  it('killed at any byte of any append, has every window whose signature left, and signs no other in its place', async () => {
    const journal = await open();
    const windows: SignedWindow[] = [];
    const ends: number[] = [];
    for (const epoch of [7, 8]) {
      windows.push(await journal.sign({ stream: 'load', epoch, readings: readings(epoch) }));
      ends.push(statSync(path()).size);
    }
    await journal.taken('load', 7);
    await journal.close();
    const whole = readFileSync(path());
    for (let cut = 0; cut <= whole.length; cut++) {
      writeFileSync(path(), whole.subarray(0, cut));
      const cutJournal = await open();
      const left = windows.filter((_, i) => ends[i]! <= cut);
      for (const window of left) {
        expect(await cutJournal.sign(window)).toEqual(window);
        await expect(cutJournal.sign({ ...window, readings: readings(99) })).rejects.toThrow(REFUSED);
      }
      const untaken = cut === whole.length ? windows[1] : left[0];
      expect([cut, cutJournal.oldestUntaken()]).toEqual([cut, untaken]);
      // signing is slow: the windows that were cut are signed anew at the edges alone
      if (ends.some((end) => end - 1 === cut)) expect(isSignedWindow(await cutJournal.sign({ stream: 'load', epoch: 8, readings: readings(99) }))).toBe(true);
      await cutJournal.close();
    }
    expect(losses).toEqual([]);
  });

  it('when bytes of it are damaged, counts every epoch up to now as signed, on every stream, for good', async () => {
    const journal = await open();
    for (const epoch of [7, 8]) await journal.sign({ stream: 'load', epoch, readings: readings(epoch) });
    await journal.close();
    const bytes = readFileSync(path());
    bytes[40]! ^= 1;
    writeFileSync(path(), bytes);
    for (const losing of [[1], []]) {
      losses.length = 0;
      const again = await open(50);
      expect(losses).toEqual(losing);
      for (const [stream, epoch] of [['load', 7], ['load', 50], ['network', 3]] as const) {
        await expect(again.sign({ stream, epoch, readings: readings(1) })).rejects.toThrow(REFUSED);
      }
      expect(isSignedWindow(await again.sign({ stream: 'load', epoch: 51, readings: readings(1) }))).toBe(true);
      await again.close();
    }
  });

  it('offers the oldest window until it is taken, across restarts', async () => {
    const journal = await open();
    for (const epoch of [7, 8]) await journal.sign({ stream: 'load', epoch, readings: readings(epoch) });
    expect(journal.oldestUntaken()?.epoch).toBe(7);
    await journal.taken('load', 7);
    await journal.taken('load', 99);
    await journal.close();
    const again = await open();
    expect(again.oldestUntaken()?.epoch).toBe(8);
    await again.taken('load', 8);
    expect(again.oldestUntaken()).toBeUndefined();
    await again.close();
  });

  it('stays bounded over many windows, and still refuses those that it no longer holds', async () => {
    const journal = await open(50, { windows: 4, growthBytes: 2000 });
    for (let epoch = 0; epoch < 16; epoch++) {
      await journal.sign({ stream: 'load', epoch, readings: readings(epoch) });
      if (epoch < 14) await journal.taken('load', epoch);
    }
    expect(statSync(path()).size).toBeLessThan(4 * 800 + 2000 + 800);
    await journal.close();
    const again = await open();
    expect(again.oldestUntaken()?.epoch).toBe(14);
    for (const epoch of [0, 11]) await expect(again.sign({ stream: 'load', epoch, readings: readings(epoch) })).rejects.toThrow(REFUSED);
    expect((await again.sign({ stream: 'load', epoch: 12, readings: readings(12) })).epoch).toBe(12);
    await again.close();
  });

  it('whose new file can not be opened after compaction takes nothing more and says so: what went into the old one would be lost', async () => {
    const journal = await open(50, { windows: 2, growthBytes: 1 });
    expect(journal.failed).toBe(false);
    mkdirSync(`${path()}.new`);   // where compaction writes the new file
    await expect(journal.sign({ stream: 'load', epoch: 7, readings: readings(1) })).rejects.toThrow(/EISDIR/);
    expect(journal.failed).toBe(true);
    await journal.close();
  });
});
