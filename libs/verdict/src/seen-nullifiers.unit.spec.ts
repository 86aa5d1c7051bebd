import { fieldToBytes } from '#libs/events';
import { SeenNullifiers } from './seen-nullifiers.js';

const nullifier = (n: number) => fieldToBytes(BigInt(n));
const seen = (epoch: number) => ({ epoch, offset: epoch, hash: nullifier(epoch) });
const count = (map: SeenNullifiers) => [...map.entries()].length;

describe('the nullifier memory', () => {
  it('leaves every earlier version as it was', () => {
    const one = SeenNullifiers.EMPTY.with(nullifier(1), seen(1), 0);
    const left = one.with(nullifier(2), seen(2), 0);
    const right = one.with(nullifier(3), seen(3), 0);
    expect([one, left, right].map((map) => [1, 2, 3].map((n) => map.get(nullifier(n))?.epoch))).toEqual([[1, undefined, undefined], [1, 2, undefined], [1, undefined, 3]]);
  });

  it('takes a nullifier again once its epoch is below the floor', () => {
    const first = SeenNullifiers.EMPTY.with(nullifier(1), seen(1), 0).with(nullifier(2), seen(5), 4);
    expect(first.get(nullifier(1))).toBeUndefined();
    const again = first.with(nullifier(1), seen(6), 4);
    expect(again.get(nullifier(1))?.epoch).toBe(6);
    expect(first.get(nullifier(1))).toBeUndefined();
  });

  it('is bounded by the window, not by history', () => {
    let map = SeenNullifiers.EMPTY;
    for (let epoch = 0; epoch < 100_000; epoch++) map = map.with(nullifier(epoch), seen(epoch), Math.max(0, epoch - 99));
    expect(count(map)).toBe(100);
    expect(map.get(nullifier(99_900))).toBeDefined();
    expect(map.get(nullifier(99_899))).toBeUndefined();
    expect((map as unknown as { log: { keys: string[] } }).log.keys.length).toBeLessThan(1300);
  });
});
