import type { KafkaRecord } from '#libs/events';
import { Intake } from './intake.js';

const record = (offset: number, bytes = 10): KafkaRecord => ({ topic: 't', partition: 0, offset: BigInt(offset), timestamp: 0, key: null, value: Buffer.alloc(bytes), headers: [] });
const fetched = (from: number, offsets: number[], end = offsets.at(-1)! + 1) => ({ fetchedOffset: BigInt(from), records: offsets.map((offset) => record(offset)), end: BigInt(end) });
const offsets = (records: readonly KafkaRecord[]) => records.map(({ offset }) => Number(offset));

let intake: Intake;
beforeEach(() => { intake = new Intake(); });

it('gives each record once and in order, however fetches overlap', () => {
  expect(intake.offer(fetched(0, [0, 1, 2]))).toBeUndefined();
  expect(intake.offer(fetched(1, [1, 2, 3]))).toBeUndefined();
  expect(intake.offer(fetched(4, [4]))).toBeUndefined();
  expect(offsets(intake.take(3))).toEqual([0, 1, 2]);
  expect(offsets(intake.take(9))).toEqual([3, 4]);
  expect(intake.size).toBe(0);
  expect(intake.offer(fetched(3, [3, 4, 5]))).toBeUndefined();
  expect(offsets(intake.take(9))).toEqual([5]);
});

it('takes nothing beyond a gap, and says where to fetch instead', () => {
  intake.offer(fetched(0, [0, 1]));
  expect(intake.offer(fetched(3, [3]))).toBe(2n);
  expect(offsets(intake.take(9))).toEqual([0, 1]);
  expect(intake.offer(fetched(3, [3]))).toBe(2n);
  expect(intake.offer(fetched(2, [2, 3]))).toBeUndefined();
  expect(offsets(intake.take(9))).toEqual([2, 3]);
});

it('goes past offsets without records that follow on what came, inside a fetch and between fetches, and past no others', () => {
  intake.offer(fetched(0, [0, 1], 4));
  intake.hidden(3n, 5n);
  expect(intake.offer(fetched(6, [7]))).toBeUndefined();
  intake.hidden(20n, 21n);
  expect(intake.offer(fetched(22, [22]))).toBe(8n);
  intake.hidden(2n, 3n);
  expect(intake.offer(fetched(8, [8]))).toBeUndefined();
  expect(offsets(intake.take(9))).toEqual([0, 1, 7, 8]);
});

it('goes on where the work goes on: earlier records are dropped, and a later beginning is fetched again', () => {
  intake.offer(fetched(5, [5, 6, 7]));
  expect(intake.align(6n)).toBeUndefined();
  expect(offsets(intake.take(9))).toEqual([6, 7]);

  intake.clear();
  intake.offer(fetched(5, [5, 6]));
  expect(intake.align(3n)).toBe(3n);
  expect(intake.size).toBe(0);
  expect(intake.offer(fetched(5, [5, 6]))).toBe(3n);
  expect(intake.offer(fetched(3, [4, 5]))).toBeUndefined();

  intake.clear();
  intake.offer(fetched(0, [0, 1]));
  expect(intake.align(9n)).toBeUndefined();
  expect(intake.size).toBe(0);
  expect(intake.offer(fetched(2, [2, 9, 10]))).toBeUndefined();
  expect(offsets(intake.take(9))).toEqual([9, 10]);
});

it('is full by count and by bytes, and has room again when half of it was taken', () => {
  intake.offer({ fetchedOffset: 0n, records: Array.from({ length: 2000 }, (_, i) => record(i)), end: 2000n });
  expect([intake.full, intake.low]).toEqual([true, false]);
  intake.take(999);
  expect(intake.low).toBe(false);
  intake.take(1);
  expect([intake.full, intake.low]).toEqual([false, true]);
  intake.clear();
  intake.offer({ fetchedOffset: 0n, records: Array.from({ length: 16 }, (_, i) => record(i, 65_536)), end: 16n });
  expect([intake.full, intake.low]).toEqual([true, false]);
  intake.take(9);
  expect(intake.low).toBe(true);
});
