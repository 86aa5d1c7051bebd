import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppendFile, type Damage } from './append-file.js';
import { encodeFrame } from './frames.js';

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'append-')); });
afterEach(() => { rmSync(folder, { recursive: true }); });

const texts = ['first', '', 'third, a little longer', 'ATSf in a payload is no frame'];
const file = () => join(folder, 'log');

async function reopen(): Promise<{ payloads: string[]; damage: Damage[]; file: AppendFile }> {
  const damage: Damage[] = [];
  const opened = await AppendFile.open(file(), async (found) => { damage.push(...found); return []; });
  return { payloads: opened.payloads.map(String), damage, file: opened.file };
}

describe('an append file', () => {
  it('gives back what was appended, and only its owner may read it', async () => {
    const { file: log } = await reopen();
    await Promise.all(texts.map((text) => log.append(Buffer.from(text))));
    await log.close();
    const again = await reopen();
    expect(again.payloads).toEqual(texts);
    expect(again.file.bytes).toBe(statSync(file()).size);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    await again.file.close();
  });

  it('cut at any byte, holds the whole entries before the cut, reports nothing, and goes on behind them', async () => {
    const frames = texts.map((text) => encodeFrame(Buffer.from(text)));
    const whole = Buffer.concat(frames);
    for (let cut = 0; cut <= whole.length; cut++) {
      writeFileSync(file(), whole.subarray(0, cut));
      const opened = await reopen();
      const kept = texts.filter((_, i) => Buffer.concat(frames.slice(0, i + 1)).length <= cut);
      expect([cut, opened.payloads, opened.damage]).toEqual([cut, kept, []]);
      await opened.file.append(Buffer.from('next'));
      await opened.file.close();
      const again = await reopen();
      expect(again.payloads).toEqual([...kept, 'next']);
      await again.file.close();
    }
  });

  it('with any byte changed, loses that entry alone, reports its bytes once and keeps the others', async () => {
    const frames = texts.map((text) => encodeFrame(Buffer.from(text)));
    const whole = Buffer.concat(frames);
    const begins = frames.map((_, i) => Buffer.concat(frames.slice(0, i)).length);
    // a changed length in the last frame may read as an interrupted append: nothing can tell the two apart
    for (let at = 0; at < begins[3]!; at++) {
      const changed = Buffer.from(whole);
      changed[at]! ^= 0x40;
      writeFileSync(file(), changed);
      const hit = begins.findLastIndex((begin) => begin <= at);
      const opened = await reopen();
      expect([at, opened.payloads]).toEqual([at, texts.filter((_, i) => i !== hit)]);
      expect(Buffer.concat(opened.damage.map(({ bytes }) => bytes))).toEqual(changed.subarray(begins[hit], begins[hit]! + frames[hit]!.length));
      await opened.file.close();
      const again = await reopen();
      expect([again.payloads.length, again.damage]).toEqual([3, []]);
      await again.file.close();
    }
  });

  it('takes zeros at its end for space that was never written', async () => {
    writeFileSync(file(), Buffer.concat([encodeFrame(Buffer.from('kept')), Buffer.alloc(100)]));
    const opened = await reopen();
    expect([opened.payloads, opened.damage]).toEqual([['kept'], []]);
    await opened.file.close();
    expect(readFileSync(file()).length).toBe(16);
  });

  it('a whole last entry with a wrong checksum is damage, not a torn append', async () => {
    const bytes = Buffer.concat([encodeFrame(Buffer.from('kept')), encodeFrame(Buffer.from('hurt'))]);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(file(), bytes);
    const opened = await reopen();
    expect([opened.payloads, opened.damage.length]).toEqual([['kept'], 1]);
    await opened.file.close();
  });

  it('rejects an append that cannot be stored, and still holds what was', async () => {
    const { file: log } = await reopen();
    await log.append(Buffer.from('one'));
    await log.close();
    await expect(log.append(Buffer.from('two'))).rejects.toThrow(/closed|EBADF/);
    const again = await reopen();
    expect(again.payloads).toEqual(['one']);
    await again.file.close();
  });
});
