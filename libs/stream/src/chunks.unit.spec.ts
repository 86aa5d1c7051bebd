import { partitionOf, type OutgoingRecord } from '#libs/events';
import { inSends } from './chunks.js';
import { BATCH_OVERHEAD_BYTES, recordBytes } from './records.js';

function record(bytes: number, partition?: number, topic = 'topic'): OutgoingRecord {
  return { topic, key: null, value: Buffer.alloc(bytes), headers: {}, ...(partition !== undefined && { partition }) };
}

/** Largest batch of any partition of any send. */
function largest(sends: OutgoingRecord[][]): number {
  return Math.max(...sends.flatMap((send) => {
    const batches = new Map<string, OutgoingRecord[]>();
    for (const one of send) batches.set(`${one.topic}/${one.partition}`, [...(batches.get(`${one.topic}/${one.partition}`) ?? []), one]);
    return [...batches.values()].map((batch) => batch.reduce((sum, one, i) => sum + recordBytes(one, i), BATCH_OVERHEAD_BYTES));
  }));
}

it('no batch of a send is above the limit of its topic, and none is smaller than it has to be', () => {
  const sends = inSends(Array.from({ length: 100 }, () => record(400, 0)), () => 5000);
  expect(largest(sends)).toBeLessThanOrEqual(5000);
  expect(largest(sends)).toBeGreaterThan(5000 - 420);
  expect(sends.flat()).toHaveLength(100);
});

it('a send is of one partition, in order, and no partition has more sends than it needs', () => {
  const records = Array.from({ length: 30 }, (_, i) => record(400 + i, i % 3, i % 2 ? 'one' : 'other'));
  const sends = inSends(records, () => 2000);
  const placeOf = ({ topic, partition }: OutgoingRecord) => `${topic}/${partition}`;
  for (const send of sends) expect(new Set(send.map(placeOf)).size).toBe(1);
  for (const place of new Set(records.map(placeOf))) expect(sends.flat().filter((one) => placeOf(one) === place)).toEqual(records.filter((one) => placeOf(one) === place));
  expect(sends).toHaveLength(12);
});

it('a record without a partition goes with those whose keys have the same one, where the partition count is known', () => {
  const keys = Array.from({ length: 40 }, (_, i) => Buffer.from(`key ${i}`));
  const sends = inSends(keys.map((key) => ({ ...record(100, undefined, 'telemetry'), key })));
  expect(sends).toHaveLength(4);
  for (const send of sends) expect(new Set(send.map(({ key }) => partitionOf(key!, 4))).size).toBe(1);
  expect(inSends(keys.map((key) => ({ ...record(100), key })))).toHaveLength(1);
});

it('a record that is too large alone is refused, naming its size and the limit', () => {
  expect(() => inSends([record(10), record(2000)], () => 1000)).toThrow(/^ATS_RECORD_TOO_LARGE: .* a record without a key for topic makes a batch of 20\d\d bytes, the topic takes 1000/);
});

it('no send is above 900 kB a partition, whatever the topic takes', () => {
  expect(largest(inSends(Array.from({ length: 40 }, () => record(60_000, 0)), () => 10_000_000))).toBeLessThanOrEqual(900_000);
});
