import type { KafkaRecord } from '#libs/events';
import { RecordCursor } from './record-cursor.js';

const record = (offset: number, bytes = 1): KafkaRecord => ({ topic: 'telemetry', partition: 0, offset: BigInt(offset), timestamp: 0, key: null, value: Buffer.alloc(bytes), headers: [] });

/** Counts how far it was read. */
function source(count: number, bytes = 1, fault?: Error) {
  const read = { upTo: 0 };
  async function* records() {
    for (let i = 0; i < count; i++) {
      read.upTo = i + 1;
      yield record(i, bytes);
    }
    if (fault) throw fault;
  }
  return { read, records: records() };
}

const turns = async (n: number) => { for (let i = 0; i < n; i++) await new Promise(setImmediate); };

it('gives every record once and in order, then the end', async () => {
  const cursor = new RecordCursor(source(2500).records);
  const offsets: number[] = [];
  while (await cursor.more()) offsets.push(Number(cursor.take().offset));
  expect(offsets).toEqual(Array.from({ length: 2500 }, (_, i) => i));
  expect(cursor.head).toBeUndefined();
  expect(await cursor.more()).toBe(false);
});

it('shows a second record without taking the first', async () => {
  const cursor = new RecordCursor(source(2).records);
  expect(await cursor.more(2)).toBe(true);
  expect([cursor.head!.offset, cursor.second!.offset]).toEqual([0n, 1n]);
  cursor.take();
  expect(await cursor.more(2)).toBe(false);
  expect(cursor.head!.offset).toBe(1n);
});

it('reads ahead no further than its bounds: records, and bytes', async () => {
  const small = source(10_000);
  const large = source(10_000, 100_000);
  const cursors = [new RecordCursor(small.records), new RecordCursor(large.records)];
  await turns(50);
  expect(small.read.upTo).toBeLessThanOrEqual(600);
  expect(large.read.upTo).toBeLessThanOrEqual(60);
  for (const cursor of cursors) await cursor.close();
});

it('tells what the source throws after the records before it', async () => {
  const cursor = new RecordCursor(source(3, 1, new Error('broker away')).records);
  for (let i = 0; i < 3; i++) {
    await cursor.more();
    cursor.take();
  }
  await expect(cursor.more()).rejects.toThrow('broker away');
});

it('ends its source when it is closed', async () => {
  const endless = source(Infinity);
  const cursor = new RecordCursor(endless.records);
  await cursor.more();
  await cursor.close();
  const { upTo } = endless.read;
  await turns(5);
  expect(endless.read.upTo).toBe(upTo);
});
