import { TimeToAnchor } from './time-to-anchor.js';

it('an entry is told once, by the first finalized anchor that covers it', () => {
  const time = new TimeToAnchor();
  time.appended(10, [1_000, 2_000]);
  time.appended(12, [3_000]);
  expect(time.final(10, 9_000)).toEqual([]);
  expect(time.final(12, 9_000)).toEqual([8, 7]);
  expect(time.final(12, 9_500)).toEqual([]);
  expect(time.final(20, 10_000)).toEqual([7]);
  time.appended(13, [9_000]);
  expect(time.final(14, 10_000)).toEqual([1]);
});

it('an anchor that never comes takes no more memory than its bound, and what comes after it is told rightly', () => {
  const time = new TimeToAnchor();
  const thousand = Array.from({ length: 1_000 }, () => 0);
  for (let index = 0; index < 150_000; index += 1_000) time.appended(index, thousand);
  expect(time.final(150_000, 1_000)).toHaveLength(100_000);
  time.appended(150_000, [500]);
  expect(time.final(150_001, 1_000)).toEqual([0.5]);
});
