import { readStateRecord } from './state-log.js';
import { Reader, Writer } from './wire.js';

it('reads what it writes, and skips tagged fields that it does not know', () => {
  const long = 'x'.repeat(300);
  const bytes = new Writer().int16(-2).int32(70_000).int64(-1n).boolean(true).string(long).array([1, 2], (w, n) => void w.int32(n)).buffer;
  const tagged = Buffer.concat([bytes, Buffer.from([2, 0, 1, 0xff, 5, 2, 0xaa, 0xbb]), new Writer().int16(7).noTags().buffer]);
  const r = new Reader(tagged);
  expect([r.int16(), r.int32(), r.int64(), r.int8(), r.string(), r.array(() => r.int32())]).toEqual([-2, 70_000, -1n, 1, long, [1, 2]]);
  expect(r.skipTags().int16()).toBe(7);
});

it('null strings and arrays read as such', () => {
  const r = new Reader(Buffer.from([0, 0, 0]));
  expect([r.nullableString(), r.string(), r.array(() => r.int8())]).toEqual([null, '', []]);
});

it.each([Buffer.alloc(0), Buffer.from([5, 1]), Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff])])('ends at the end: %o', (bytes) => {
  expect(() => new Reader(bytes).string()).toThrow(RangeError);
});

const key = Buffer.concat([Buffer.from([0, 0, 0, 2]), Buffer.from('id')]);
const head = (version: number) => new Writer().int16(version).int64(7n).int16(3).int32(2000).buffer;

it.each([
  ['flexible', Buffer.concat([head(1), Buffer.from([2]), new Writer().array(['out'], (w, topic) => void w.string(topic).array([4], (x, p) => void x.int32(p)).noTags()).int64(99n).int64(98n).noTags().buffer])],
  ['not flexible', Buffer.concat([head(0), Buffer.from([2]), new Writer().int32(1).int16(3).buffer, Buffer.from('out'), new Writer().int32(1).int32(4).int64(99n).int64(98n).buffer])],
])("reads a coordinator's record of the version that is %s", (_, value) => {
  expect(readStateRecord(key, value)).toEqual({ transactionalId: 'id', producerId: 7n, producerEpoch: 3, state: 'PrepareCommit', partitions: [{ topic: 'out', partition: 4 }], updatedAt: 99 });
});

it('a tombstone, another kind of key and a version to come are no records', () => {
  expect([readStateRecord(key, null), readStateRecord(Buffer.from([0, 9, 0, 0]), head(1)), readStateRecord(key, head(2)), readStateRecord(null, head(1))]).toEqual([undefined, undefined, undefined, undefined]);
});
