import { startTestBroker, type TestBroker } from '../test/broker.js';
import { crc32c } from './crc32c.js';
import { connectKafka, ensureTopics, LogReader, type KafkaClient } from './index.js';
import { valuesOf } from './value-block.js';

let broker: TestBroker;
let kafka: KafkaClient;
let reader: LogReader;

beforeAll(async () => {
  broker = await startTestBroker();
  kafka = connectKafka({ brokers: broker.brokers, clientId: 'values' });
  reader = new LogReader(kafka, { patienceMs: 1500 });
  await ensureTopics(kafka, { values: { partitions: 1, config: { 'message.timestamp.type': 'LogAppendTime' } } });
}, 180_000);

afterAll(async () => {
  await reader.close();
  kafka.close();
  await broker.remove();
}, 180_000);

async function transaction(id: string) {
  const producer = kafka.role(id).producer({ transactionalId: id, maxInFlightRequests: 1 });
  await producer.connect();
  const open = await producer.transaction();
  return {
    put: (...values: (string | null)[]) => open.send({ topic: 'values', messages: values.map((value) => ({ key: 'k', value, headers: { name: 'x' } })) }),
    commit: () => open.commit().then(() => producer.disconnect()),
    abort: () => open.abort().then(() => producer.disconnect()),
  };
}

async function valuesFrom(from: bigint, to: bigint): Promise<[number, string | null][]> {
  const all: [number, string | null][] = [];
  for await (const { bytes, count, offsets, starts, ends } of reader.readValues('values', 0, from, to)) {
    for (let i = 0; i < count; i++) all.push([offsets[i]!, starts[i]! < 0 ? null : bytes.toString('utf8', starts[i], ends[i])]);
  }
  return all;
}

async function recordsFrom(from: bigint, to: bigint): Promise<[number, string | null][]> {
  const all: [number, string | null][] = [];
  for await (const { offset, value } of reader.read('values', 0, from, to)) all.push([Number(offset), value && value.toString()]);
  return all;
}

it('values in bulk are those of the records read one by one, from and to any offset, without aborted ones; damage is told, and so is an end out of reach', async () => {
  const a = await transaction('a');
  const b = await transaction('b');
  await a.put('a1', 'a2');
  await b.put('b1');
  await b.abort();
  await a.put('a3');
  await a.abort();
  const c = await transaction('c');
  const d = await transaction('d');
  await c.put('c1', null, '');
  await d.put('d1');
  await d.abort();
  await c.put('c2'.repeat(3000));
  await c.commit();
  const afterAbort = await transaction('a'); // the same producer id as of what was aborted
  await afterAbort.put('a4');
  await afterAbort.commit();
  const plain = kafka.role('packer').producer();
  await plain.connect();
  await plain.send({ topic: 'values', compression: 1, messages: [{ value: 'packed 1' }, { value: 'packed 2' }] });
  await plain.send({ topic: 'values', messages: [{ value: 'last' }] });
  await plain.disconnect();
  const end = await reader.highWatermark('values', 0);
  const all = await recordsFrom(0n, end);
  expect(all.map(([, value]) => value?.slice(0, 8) ?? null)).toEqual(['c1', null, '', 'c2c2c2c2', 'a4', 'packed 1', 'packed 2', 'last']);
  for (let from = 0n; from < end; from++) expect(await valuesFrom(from, end)).toEqual(all.filter(([offset]) => BigInt(offset) >= from));
  expect(await valuesFrom(0n, end - 2n)).toEqual(all.filter(([offset]) => BigInt(offset) < end - 2n));

  const open = await transaction('open');
  await open.put('held back');
  await expect(valuesFrom(0n, end + 1n)).rejects.toThrow(/^ATS_LOG_UNREADABLE: .*can't be read past/);
  await open.commit();
  await expect(valuesFrom(end + 100n, end + 101n)).rejects.toThrow(/^ATS_LOG_UNREADABLE/);
}, 180_000);

it('the checksum is CRC-32C, from and to any byte', () => {
  const bytes = Buffer.from('x123456789x');
  expect(crc32c(bytes, 1, 10)).toBe(0xe306_9283);
  expect(crc32c(bytes, 1, 1)).toBe(0);
  expect(crc32c(Buffer.alloc(32), 0, 32)).toBe(0x8a91_36aa);
});

it('a batch of another format or with a wrong checksum is no value', () => {
  const batch = Buffer.alloc(70);
  batch.writeInt32BE(58, 8);
  const read = (bytes: Buffer) => valuesOf({ highWatermark: 1n, lastStable: 1n, aborted: [], batches: bytes }, 0n, 1n);
  expect(() => read(batch)).toThrow(/^ATS_LOG_UNREADABLE: .*format 2/);
  batch[16] = 2;
  expect(() => read(batch)).toThrow(/^ATS_LOG_UNREADABLE: .*checksum/);
  expect(read(batch.subarray(0, 65))).toEqual({ blocks: [], next: 0n });
});
