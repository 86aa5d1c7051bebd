import { Sampler } from './sampler.js';

// epochs of 16 s: a slot is a second, and epoch e begins at second 16 e
const EPOCH = 16;

/** Ticks at the given seconds; a reading is the second it was taken in. */
function ticks(seconds: readonly number[], streams: string[] | ((second: number) => string[]) = ['load'], read = (_: string, second: number): number | undefined => second) {
  const sampler = new Sampler(EPOCH);
  return seconds.flatMap((second) =>
    sampler.tick(second * 1000, typeof streams === 'function' ? streams(second) : streams, (stream) => read(stream, Math.floor(second))));
}
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe('the sampler', () => {
  it('gives sixteen readings, one from each slot of the epoch, when the epoch is over', () => {
    expect(ticks(range(32, 48))).toEqual([]);
    expect(ticks(range(32, 49))).toEqual([{ stream: 'load', epoch: 2, readings: range(32, 48) }]);
    expect(ticks(range(32, 81)).map(({ epoch }) => epoch)).toEqual([2, 3, 4]);
  });

  it('skips the first window when it starts in the middle of an epoch', () => {
    expect(ticks(range(33, 70)).map(({ epoch }) => epoch)).toEqual([3]);
  });

  it('takes one reading a slot, however often it is asked', () => {
    expect(ticks(range(32, 49).flatMap((second) => [second, second + 0.4, second + 0.9]))).toEqual([{ stream: 'load', epoch: 2, readings: range(32, 48) }]);
  });

  it('drops the window of an epoch in which a slot was missed, and that one alone', () => {
    expect(ticks([...range(32, 40), ...range(41, 81)]).map(({ epoch }) => epoch)).toEqual([3, 4]);
    expect(ticks([...range(32, 48), ...range(50, 81)]).map(({ epoch }) => epoch)).toEqual([2, 4]);
  });

  it('counts the epochs that it cut short, and not the one it started in', () => {
    const sampler = new Sampler(EPOCH);
    const cuts = [...range(35, 60), 62, ...range(63, 85), 99, 40].map((second) => {
      sampler.tick(second * 1000, ['load'], () => 1);
      return sampler.cutShort;
    });
    expect([cuts[24], cuts[25], cuts.at(-3), cuts.at(-2), cuts.at(-1)]).toEqual([0, 1, 1, 2, 2]);
  });

  it('after a clock that was set back, takes only whole epochs again', () => {
    expect(ticks([...range(32, 40), ...range(35, 65)]).map(({ epoch }) => epoch)).toEqual([3]);
    expect(ticks([...range(32, 40), 20, ...range(21, 49)]).map(({ epoch }) => epoch)).toEqual([2]);
  });

  it('gives a finished window once when the clock jumps from slot to slot', () => {
    expect(ticks([...range(32, 48), 60, 20, 60]).map(({ epoch }) => epoch)).toEqual([2]);
  });

  it('leaves out a stream that had no reading or was no longer wanted, until the next whole epoch', () => {
    const patchy = (stream: string, second: number) => (stream === 'network' && second === 40 ? undefined : second);
    expect(ticks(range(32, 65), ['load', 'network'], patchy).map(({ stream, epoch }) => `${stream}/${epoch}`)).toEqual(['load/2', 'load/3', 'network/3']);
    expect(ticks(range(32, 65), (second) => (second < 40 ? ['load'] : ['network'])).map(({ stream, epoch }) => `${stream}/${epoch}`)).toEqual(['network/3']);
  });

  it('waits until the next slot begins', () => {
    const sampler = new Sampler(30);
    expect(sampler.untilNext(0)).toBe(1875);
    expect(sampler.untilNext(1874)).toBe(1);
    expect(sampler.untilNext(1875)).toBe(1875);
    expect(sampler.untilNext(1875.5)).toBe(1875);
  });
});
