import { ActiveTime } from './active-time.js';

const minute = 60_000;
const day = 1440 * minute;

it('counts the minutes in which something was written, and no others', () => {
  const time = new ActiveTime();
  for (let i = 0; i < 30; i++) time.mark(i * minute);
  for (let i = 0; i < 30; i++) time.mark(3 * day + i * minute);
  expect(time.exceeds(0, 29 * minute, 20 * minute)).toBe(true);
  expect(time.exceeds(0, 29 * minute, 29 * minute)).toBe(false);
  // three days apart, and ten active minutes
  expect(time.exceeds(25 * minute, 3 * day + 5 * minute, 10 * minute)).toBe(false);
  expect(time.exceeds(25 * minute, 3 * day + 6 * minute, 10 * minute)).toBe(true);
});

it('has never more active time than time', () => {
  const time = new ActiveTime(Array.from({ length: 100 }, (_, i) => i));
  expect(time.exceeds(10 * minute, 10 * minute, 0)).toBe(false);
  expect(time.exceeds(20 * minute, 10 * minute, 0)).toBe(false);
  expect(time.exceeds(10 * minute, 11 * minute, 0)).toBe(true);
});

it('answers the same for a span that is longer than all it knows', () => {
  const time = new ActiveTime([1, 2, 3, 1_000_000]);
  expect(time.exceeds(0, 2_000_000 * minute, 3 * minute)).toBe(true);
  expect(time.exceeds(0, 2_000_000 * minute, 4 * minute)).toBe(false);
  expect(new ActiveTime(time.minutes()).exceeds(0, 2_000_000 * minute, 3 * minute)).toBe(true);
});
