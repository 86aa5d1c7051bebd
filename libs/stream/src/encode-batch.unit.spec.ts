import { createRequire } from 'node:module';
import type { OutgoingRecord } from '#libs/events';
import { encodeBatch, type BatchHead } from './encode-batch.js';
import './kafkajs.js'; // before any other part of it is loaded

const require = createRequire(import.meta.url);
interface Encoder { readonly buffer: Buffer }
const theirRecord = require('kafkajs/src/protocol/recordBatch/record/v0/index.js') as (record: object) => Encoder;
const { RecordBatch: theirBatch } = require('kafkajs/src/protocol/recordBatch/v0/index.js') as { RecordBatch(batch: object): Promise<Encoder> };

const HEAD: BatchHead = { producerId: '9007199254740993', producerEpoch: 32_767, firstSequence: 0x7fff_fffe, timestamp: 1_795_000_000_123 };

/** What kafkajs makes of it, which brokers have taken for years. */
async function asKafkaJs(records: readonly OutgoingRecord[], { producerId, producerEpoch, firstSequence, timestamp }: BatchHead): Promise<Buffer> {
  const batch = await theirBatch({
    producerId, producerEpoch, firstSequence, firstTimestamp: timestamp, maxTimestamp: timestamp, transactional: true, lastOffsetDelta: records.length - 1,
    records: records.map((record, offsetDelta) => theirRecord({ ...record, offsetDelta, timestampDelta: 0 })),
  });
  return batch.buffer;
}

function record(key: Buffer | null, value: Buffer | null, headers: Record<string, Buffer> = {}): OutgoingRecord {
  return { topic: 't', partition: 0, key, value: value as Buffer, headers };
}

it.each<[string, OutgoingRecord[]]>([
  ['one record of nothing', [record(null, Buffer.alloc(0))]],
  ['a record without a value', [record(Buffer.from('k'), null)]],
  ['headers, one of them empty, one with a name beyond ASCII', [record(Buffer.from('k'), Buffer.from('v'), { ce_id: Buffer.from('1'), 'grüße': Buffer.alloc(0), toString: Buffer.from('x') })]],
  ['values at both sides of each length of a varint', [0, 1, 63, 64, 8191, 8192, 100_000].map((length) => record(Buffer.alloc(length, 1), Buffer.alloc(length, 2), { h: Buffer.alloc(length, 3) }))],
  ['as many records as make their numbers longer', Array.from({ length: 1000 }, (_, i) => record(Buffer.from(String(i)), Buffer.alloc(i % 200, i), { n: Buffer.from([i & 0xff]) }))],
])('a batch is the bytes that kafkajs makes of it: %s', async (_name, records) => {
  expect(encodeBatch(records, HEAD).equals(await asKafkaJs(records, HEAD))).toBe(true);
});

it('each part of its head is where it belongs', async () => {
  const records = [record(Buffer.from('k'), Buffer.from('v')), record(null, Buffer.from('w'))];
  for (const head of [{ ...HEAD, producerId: '0' }, { ...HEAD, producerEpoch: 0 }, { ...HEAD, firstSequence: 0 }, { ...HEAD, timestamp: 0 }]) {
    expect(encodeBatch(records, head).equals(await asKafkaJs(records, head))).toBe(true);
  }
});
