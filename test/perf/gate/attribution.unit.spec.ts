import { cpuMicrosOf } from './attribution.js';

const shares = { micros: { decode: 10, checks: 20, verify: 10, kafka: 40, runtime: 10, other: 10, idle: 900 }, functions: [] };

it('the main thread goes by its profile without its idle time, helpers are runtime, all other threads verify', () => {
  const cpu = { process: 100_000, threads: { main: 20_000, V8Worker: 5000, DelayedTaskSche: 0, 'libuv-worker': 40_000 } };
  expect(cpuMicrosOf(cpu, 100, shares)).toEqual({ decode: 20, checks: 40, verify: 20 + 750, kafka: 80, runtime: 20 + 50, other: 20 });
});

it('the parts add up to what the process spent', () => {
  const parts = cpuMicrosOf({ process: 77_000, threads: { main: 33_000, V8Worker: 7000 } }, 10, shares);
  expect(Object.values(parts).reduce((sum, part) => sum + part)).toBeCloseTo(7700);
});
