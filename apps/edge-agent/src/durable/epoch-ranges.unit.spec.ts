import { EpochRanges } from './epoch-ranges.js';

describe('a set of epochs', () => {
  it('holds exactly what was added, in any order, as few ranges', () => {
    const set = new EpochRanges();
    for (const epoch of [5, 3, 4, 9, 7, 8, 20]) set.add(epoch);
    expect(set.toJSON()).toEqual([[3, 5], [7, 9], [20, 20]]);
    for (const epoch of [3, 4, 5, 7, 8, 9, 20]) expect(set.has(epoch)).toBe(true);
    for (const epoch of [2, 6, 10, 19, 21]) expect(set.has(epoch)).toBe(false);
    set.addRange(6, 19);
    expect(set.toJSON()).toEqual([[3, 20]]);
  });

  it('survives JSON', () => {
    const set = new EpochRanges([[1, 2], [9, 9]]);
    expect(new EpochRanges(JSON.parse(JSON.stringify(set)) as [number, number][]).toJSON()).toEqual([[1, 2], [9, 9]]);
  });

  it('stays small under a thousand gaps, and never forgets an epoch', () => {
    const set = new EpochRanges();
    for (let epoch = 0; epoch < 3000; epoch += 3) set.add(epoch);
    expect(set.toJSON().length).toBe(128);
    for (let epoch = 0; epoch < 3000; epoch += 3) expect(set.has(epoch)).toBe(true);
    expect(set.has(2999)).toBe(false);
    expect(set.has(2996)).toBe(false);
  });
});
