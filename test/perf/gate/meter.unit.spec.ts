import { peakMiB, percentile, spent, cpuOf, ticksOf } from './meter.js';

it('a process name with parentheses and blanks does not move the fields', () => {
  expect(ticksOf('42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 700 30 0 0 20 0 11 0 100 0 0')).toBe(730);
});

it('a percentile is a value that occurred, by the nearest rank', () => {
  expect(percentile([30, 10, 20], 0.5)).toBe(20);
  expect(percentile(Array.from({ length: 100 }, (_, i) => i + 1), 0.99)).toBe(99);
  expect(percentile([7], 0.99)).toBe(7);
  expect(percentile([], 0.5)).toBeNaN();
});

it('this process spends CPU on its main thread, and has memory', () => {
  const before = cpuOf(process.pid);
  for (const until = process.cpuUsage(); process.cpuUsage(until).user < 60_000;);
  const { process: all, threads } = spent(before, cpuOf(process.pid));
  expect(all).toBeGreaterThan(0);
  expect(Object.values(threads).reduce((sum, micros) => sum + micros)).toBeGreaterThan(40_000);
  expect(peakMiB(process.pid)).toBeGreaterThan(10);
});
