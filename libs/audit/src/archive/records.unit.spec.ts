import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KafkaRecord } from '#libs/events';
import { ArchiveFolder, SUMS_FILE, verifySums } from './archive-folder.js';
import { readFrames, prefixedLength, rlpLength } from './frames.js';
import { exportRecords, RecordArchive, type ArchivedPartition } from './record-archive.js';
import { decodeRecord, encodeRecord } from './record-frame.js';

let dir: string;
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'attestream-records-')); });
afterEach(() => rmSync(dir, { recursive: true }));

const record = (offset: number, change: Partial<KafkaRecord> = {}): KafkaRecord => ({
  topic: 'telemetry', partition: 2, offset: BigInt(offset), timestamp: 1_800_000_000_000 + offset, key: Buffer.from('key'), value: Buffer.from(`value ${offset}`), headers: [['a', Buffer.from('1')]], ...change,
});

/** A partition whose offsets have gaps, as markers and aborted records leave them. */
const ALL = [...Array.from({ length: 50 }, (_, i) => record(i)), ...Array.from({ length: 50 }, (_, i) => record(60 + 2 * i))];
const source = (records: readonly KafkaRecord[]) => ({
  async *read(_topic: string, _partition: number, from: bigint, to: bigint) { yield* records.filter(({ offset }) => offset >= from && offset < to); },
});
const collect = async (records: AsyncIterable<KafkaRecord>): Promise<KafkaRecord[]> => {
  const all: KafkaRecord[] = [];
  for await (const one of records) all.push(one);
  return all;
};

async function exported(name: string, records: readonly KafkaRecord[], from: bigint, to: bigint): Promise<{ dir: string; partitions: ArchivedPartition[] }> {
  const folder = await ArchiveFolder.create(join(dir, name));
  const partitions = [await exportRecords(folder, source(records), { topic: 'telemetry', partition: 2, from, to })];
  await folder.finish();
  return { dir: join(dir, name), partitions };
}

it.each<[string, Partial<KafkaRecord>]>([
  ['nulls', { key: null, value: null, headers: [['none', null]] }],
  ['empty parts', { key: Buffer.alloc(0), value: Buffer.alloc(0), headers: [] }],
  ['names twice, in their order, in any script', { headers: [['b', Buffer.from('2')], ['a', Buffer.from('1')], ['b', Buffer.alloc(0)], ['\u00e9\u4e2d', null]] }],
  ['offsets and times beyond 32 bits', { offset: 2n ** 62n, timestamp: 2 ** 52 }],
  ['a large value', { value: Buffer.alloc(65_536, 7) }],
])('a record with %s comes back as it was', (_, change) => {
  const one = record(5, change);
  expect(decodeRecord('telemetry', 2, encodeRecord(one))).toEqual(one);
});

it('a frame that is cut, grown or whose parts do not fit is damage, whatever byte is wrong', () => {
  const frame = encodeRecord(record(5));
  for (const bytes of [frame.subarray(0, -1), frame.subarray(0, 10), Buffer.concat([frame, Buffer.alloc(1)])]) expect(() => decodeRecord('t', 0, bytes)).toThrow(/ATS_ARCHIVE_DAMAGED/);
  for (const at of [20, 27, 38, 42]) {
    const changed = Buffer.from(frame);
    changed[at]! ^= 0x40;
    expect(() => decodeRecord('t', 0, changed)).toThrow(/ATS_ARCHIVE_DAMAGED/);
  }
});

it('records of an archive are those of the topic, from any offset to any other', async () => {
  const archive = new RecordArchive([await exported('all', ALL, 0n, 200n)]);
  expect(await archive.bounds('telemetry', 2)).toEqual({ from: 0n, to: 200n });
  expect(await collect(archive.read('telemetry', 2, 0n, 200n))).toEqual(ALL);
  for (const [from, to] of [[0n, 1n], [49n, 61n], [50n, 60n], [61n, 200n], [100n, 100n]] as const) {
    expect(await collect(archive.read('telemetry', 2, from, to))).toEqual(ALL.filter(({ offset }) => offset >= from && offset < to));
  }
  expect(await archive.bounds('emails', 0)).toEqual({ from: 0n, to: 0n });
  expect(await collect(archive.read('emails', 0, 0n, 10n))).toEqual([]);
});

it('archives that continue each other read as one; a gap between them is refused', async () => {
  const [first, second, third] = [await exported('1', ALL, 0n, 55n), await exported('2', ALL, 55n, 90n), await exported('3', ALL, 90n, 200n)];
  expect(await collect(new RecordArchive([first, second, third]).read('telemetry', 2, 10n, 150n))).toEqual(ALL.filter(({ offset }) => offset >= 10n && offset < 150n));
  expect(() => new RecordArchive([first, third])).toThrow(/ATS_ARCHIVE_INVALID.*telemetry\/2/);
});

it('a record that is missing from a file, comes twice or out of its turn is damage', async () => {
  const { dir: folder, partitions } = await exported('all', ALL, 0n, 200n);
  const { file } = partitions[0]!.segments[0]!;
  const whole = readFileSync(join(folder, file));
  const firstLength = whole.readUInt32BE(0) + 4;
  const [first, second, rest] = [whole.subarray(0, firstLength), whole.subarray(firstLength, 2 * firstLength), whole.subarray(2 * firstLength)];
  for (const bytes of [whole.subarray(firstLength), Buffer.concat([first, whole]), whole.subarray(0, -3), Buffer.concat([second, first, rest]), Buffer.concat([first, first, rest])]) {
    writeFileSync(join(folder, file), bytes);
    await expect(collect(new RecordArchive([{ dir: folder, partitions }]).read('telemetry', 2, 0n, 200n))).rejects.toMatchObject({ code: 'ATS_ARCHIVE_DAMAGED' });
  }
});

it('frames come whole, wherever chunks end, and from where they begin', async () => {
  const bodies = Array.from({ length: 40 }, (_, i) => Buffer.alloc(70_000 + i, i));
  const frames = bodies.map((body) => { const length = Buffer.alloc(4); length.writeUInt32BE(body.length); return Buffer.concat([length, body]); });
  writeFileSync(join(dir, 'frames'), Buffer.concat(frames));
  const found: Buffer[] = [];
  const places: number[] = [];
  for await (const chunk of readFrames(join(dir, 'frames'), prefixedLength)) for (const { at, bytes } of chunk) { found.push(Buffer.from(bytes)); places.push(at); }
  expect([found.length, Buffer.concat(found).equals(Buffer.concat(frames))]).toEqual([frames.length, true]);
  for await (const [frame] of readFrames(join(dir, 'frames'), prefixedLength, places[7])) { expect(frame!.bytes.equals(frames[7]!)).toBe(true); break; }
});

it.each<[string, number | undefined]>([['', undefined], ['7f', 1], ['80', 1], ['83', 4], ['b7', 56], ['b8', undefined], ['b838', 58], ['c0', 1], ['c3', 4], ['f838', 58], ['f90100', 259], ['ff', Number.MAX_SAFE_INTEGER]])(
  'the RLP item that begins with %s says its length', (hex, length) => expect(rlpLength(Buffer.from(hex, 'hex'))).toBe(length));

describe('a folder is there whole or not at all', () => {
  it('its name comes with its end, and nothing of an export that failed is left', async () => {
    const folder = await ArchiveFolder.create(join(dir, 'new'));
    await folder.put('a/b', 'content');
    expect(existsSync(join(dir, 'new'))).toBe(false);
    await folder.discard();
    expect(readdirSync(dir)).toEqual([]);
  });

  it('what is there is never written over, nor written by two', async () => {
    mkdirSync(join(dir, 'old'));
    await expect(ArchiveFolder.create(join(dir, 'old'))).rejects.toMatchObject({ code: 'ATS_ARCHIVE_EXISTS' });
    const first = await ArchiveFolder.create(join(dir, 'new'));
    await expect(ArchiveFolder.create(join(dir, 'new'))).rejects.toMatchObject({ code: 'ATS_ARCHIVE_EXISTS' });
    await first.put('a', 'x');
    await expect(first.put('a', 'y')).rejects.toThrow('EEXIST');
    await first.finish();
    expect(readFileSync(join(dir, 'new/a'), 'utf8')).toBe('x');
  });
});

describe('sums', () => {
  let folder: string;
  beforeEach(async () => {
    const archive = await ArchiveFolder.create(join(dir, 'sums'));
    await archive.put('a', 'first');
    await archive.put('b/c', Buffer.alloc(3_000_000, 1));
    await archive.finish();
    folder = join(dir, 'sums');
  });

  it('hold for what was written, and name exactly this archive', async () => {
    const seen: [number, number][] = [];
    const id = await verifySums(folder, (done, total) => seen.push([done, total]));
    expect(seen).toEqual([[1, 2], [2, 2]]);
    expect(await verifySums(folder)).toEqual(id);
  });

  it.each<[string, () => void, RegExp]>([
    ['a byte that changed', () => appendFileSync(join(folder, 'a'), 'x'), /a has changed/],
    ['a file that is cut', () => truncateSync(join(folder, 'b/c'), 2_999_999), /b\/c has changed/],
    ['a file that is gone', () => rmSync(join(folder, 'a')), /a can't be read/],
    ['a file that does not belong', () => writeFileSync(join(folder, 'b/extra'), ''), /b\/extra does not belong/],
    ['a link that does not belong', () => symlinkSync('/etc/hostname', join(folder, 'link')), /link does not belong/],
    ['a line that leads outside', () => appendFileSync(join(folder, SUMS_FILE), `${'0'.repeat(64)}  ../a\n`), /a line that is none/],
    ['a line twice', () => appendFileSync(join(folder, SUMS_FILE), readFileSync(join(folder, SUMS_FILE))), /twice/],
    ['a line that is none', () => appendFileSync(join(folder, SUMS_FILE), 'x\n'), /a line that is none/],
  ])('%s: refused by name', async (_, damage, named) => {
    damage();
    await expect(verifySums(folder)).rejects.toMatchObject({ code: 'ATS_ARCHIVE_DAMAGED', why: expect.stringMatching(named) });
  });

  it('a folder without them is no archive', async () => {
    await expect(verifySums(dir)).rejects.toMatchObject({ code: 'ATS_ARCHIVE_INVALID' });
  });
});
