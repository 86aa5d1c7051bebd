import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SignedWindow } from '#libs/edge';
import type { AtsError } from '#libs/errors';
import { Outbox, type OutboxOptions, type ProvenRecord } from './outbox.js';

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'outbox-')); });
afterEach(() => { rmSync(folder, { recursive: true }); });

const window = (epoch: number, stream = 'load'): SignedWindow => ({
  stream, epoch, epochSeconds: 30, readings: Array.from({ length: 16 }, (_, i) => epoch * 100 + i),
  publicKey: { Ax: 1n, Ay: 2n }, signature: { R8x: 3n, R8y: 4n, S: 5n },
});
const proven = (epoch: number): ProvenRecord => ({
  record: { topic: 'telemetry', key: Buffer.alloc(32, 1), value: Buffer.from([0, 255, epoch]), headers: { ce_id: Buffer.from('id'), traceparent: Buffer.from('00') } },
  root: 2n ** 250n, parametersHash: 'aa',
});
const damage: AtsError[] = [];
beforeEach(() => { damage.length = 0; });
const open = (options: Partial<OutboxOptions> = {}) => Outbox.open({ folder, maxBytes: 1 << 20, onDamage: (error) => damage.push(error), ...options });
const told = (outbox: Outbox) => outbox.items().map((item) => `${item.sequence}:${item.window.epoch}${item.proven ? '+' : ''}`);
const logs = (at = folder) => readdirSync(at).filter((name) => name.endsWith('.log')).sort();

describe('the outbox', () => {
  it('keeps windows, records and ends through a restart, in their order and byte for byte', async () => {
    const outbox = await open();
    for (const epoch of [7, 8, 9]) await outbox.accept(window(epoch));
    await outbox.proven(1, proven(8));
    await outbox.done([0]);
    await outbox.close();
    const again = await open();
    expect(told(again)).toEqual(['1:8+', '2:9']);
    expect(again.items()[0]).toEqual({ sequence: 1, window: window(8), proven: proven(8) });
    expect(again.depth).toEqual({ windows: 1, records: 1 });
    expect(statSync(join(folder, logs()[0]!)).mode & 0o777).toBe(0o600);
    await again.close();
  });

  it('takes a window of a stream and epoch once, also after it was sent and its segment deleted', async () => {
    const outbox = await open({ segmentBytes: 100 });
    for (const epoch of [7, 7, 8, 7]) await outbox.accept(window(epoch));
    await outbox.accept(window(7, 'open-files'));
    expect(told(outbox)).toEqual(['0:7', '1:8', '2:7']);
    await outbox.done([0, 1, 2]);
    await outbox.accept(window(9));
    await outbox.close();
    expect(logs()[0]).not.toBe('0000000000.log');
    const again = await open({ segmentBytes: 100 });
    for (const epoch of [7, 8, 9]) await again.accept(window(epoch));
    await again.accept(window(7, 'open-files'));
    expect(told(again)).toEqual(['3:9']);
    await again.close();
  });

  it('a later record of a window replaces the earlier one', async () => {
    const outbox = await open();
    await outbox.accept(window(7));
    await outbox.proven(0, proven(1));
    await outbox.proven(0, proven(2));
    expect(outbox.items()[0]!.proven).toEqual(proven(2));
    await outbox.close();
  });

  it('killed at any byte of any append, holds what was acknowledged before and nothing else', async () => {
    const outbox = await open();
    const path = join(folder, '0000000000.log');
    const steps: { bytes: number; state: string[] }[] = [{ bytes: statSync(path).size, state: [] }];
    const step = async (work: Promise<void>) => {
      await work;
      steps.push({ bytes: statSync(path).size, state: told(outbox) });
    };
    await step(outbox.accept(window(7)));
    await step(outbox.accept(window(8)));
    await step(outbox.proven(0, proven(7)));
    await step(outbox.done([0]));
    await step(outbox.accept(window(9)));
    await outbox.close();
    const whole = readFileSync(path);
    for (let cut = 0; cut <= whole.length; cut++) {
      const at = join(folder, 'cut');
      mkdirSync(at, { recursive: true });
      writeFileSync(join(at, '0000000000.log'), whole.subarray(0, cut));
      const cutBox = await open({ folder: at });
      expect([cut, told(cutBox)]).toEqual([cut, steps.findLast(({ bytes }) => bytes <= cut)?.state ?? []]);
      await cutBox.accept(window(10));
      expect(told(cutBox).at(-1)).toMatch(/:10$/);
      await cutBox.close();
    }
    expect(damage).toEqual([]);
  });

  it('killed between any two steps of a life with many segments, loses no window and brings none back', async () => {
    const outbox = await open({ segmentBytes: 2000 });
    const shots: string[][] = [];
    const shoot = () => {
      const at = join(folder, `shot-${shots.length}`);
      mkdirSync(at);
      for (const name of logs()) copyFileSync(join(folder, name), join(at, name));
      shots.push(told(outbox));
    };
    for (let epoch = 0; epoch < 12; epoch++) {
      await outbox.accept(window(epoch));
      shoot();
      await outbox.proven(epoch, proven(epoch));
      shoot();
      if (epoch % 3 === 2) await outbox.done([epoch - 2, epoch - 1, epoch]);
      shoot();
    }
    expect(logs().length).toBeLessThan(4);
    await outbox.close();
    for (const [i, state] of shots.entries()) {
      const again = await open({ folder: join(folder, `shot-${i}`), segmentBytes: 2000 });
      expect(told(again)).toEqual(state);
      await again.close();
    }
  });

  it('sets a damaged record aside with ATS_OUTBOX_CORRUPT, names the file, and keeps the rest', async () => {
    const outbox = await open();
    for (const epoch of [7, 8, 9]) await outbox.accept(window(epoch));
    await outbox.close();
    const path = join(folder, '0000000000.log');
    const bytes = readFileSync(path);
    bytes[bytes.indexOf('"epoch":8') + 8] = 0x39;
    writeFileSync(path, bytes);
    const again = await open();
    expect(told(again)).toEqual(['0:7', '2:9']);
    expect(damage.map(({ code }) => code)).toEqual(['ATS_OUTBOX_CORRUPT']);
    const aside = /they are in (\S+\.bin)\./.exec(damage[0]!.message)![1]!;
    expect(readFileSync(aside).includes('"readings":[800')).toBe(true);
    expect(statSync(aside).mode & 0o777).toBe(0o600);
    await again.close();
    expect(told(await open().then(async (third) => { await third.close(); return third; }))).toEqual(['0:7', '2:9']);
    expect(damage.length).toBe(1);
  });

  it('takes no window that its disk has no room for, and still stores records of those inside', async () => {
    const outbox = await open({ maxBytes: 20_000 });
    let taken = 0;
    const fill = async () => { for (; taken < 100; taken++) await outbox.accept(window(taken)); };
    await expect(fill()).rejects.toThrow(/ATS_OUTBOX_FULL/);
    expect(taken).toBeGreaterThan(1);
    for (let i = 0; i < taken; i++) await outbox.proven(i, proven(i));
    expect(outbox.bytes).toBeLessThan(20_000);
    expect(outbox.depth).toEqual({ windows: 0, records: taken });
    await outbox.close();
  });

  it('has one owner at a time', async () => {
    const outbox = await open();
    await expect(open()).rejects.toThrow(/ATS_ALREADY_RUNNING/);
    await outbox.close();
    await (await open()).close();
  });
});
