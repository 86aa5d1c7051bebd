import { createHash } from 'node:crypto';
import { fieldToBytes } from '#libs/events';
import { isSameRecord, SeenNullifiers, type Seen } from './seen-nullifiers.js';

const nullifier = (n: number) => fieldToBytes(BigInt(n));
const sha = (text: string) => createHash('sha256').update(text).digest();
const seen = (epoch: number) => ({ epoch, offset: epoch, hash: sha(`${epoch}`) });
const count = (map: SeenNullifiers) => [...map.entries()].length;

/** What the map is held to: the same operations on a plain Map of everything, newest last. */
class Model {
  constructor(readonly all: readonly (readonly [string, Seen])[] = [], readonly floor = -Infinity) {}

  with(key: Buffer, entry: Seen, floor: number): Model {
    return new Model([...this.all, [key.toString('hex'), entry]], floor);
  }

  get(key: Buffer): Seen | undefined {
    const hex = key.toString('hex');
    return this.all.findLast(([name, { epoch }]) => name === hex && epoch >= this.floor)?.[1];
  }

  live(): string[] {
    return this.all.filter(([, { epoch }]) => epoch >= this.floor).map(([name, { epoch, offset, hash }]) => row(name, epoch, offset, hash)).sort();
  }
}

const row = (name: string, epoch: number, offset: number, hash: Buffer) => [name.slice(-32), epoch, offset, hash.toString('hex', 0, 8)].join(' ');
const liveOf = (map: SeenNullifiers) => [...map.entries()].map(([key, { epoch, offset, hash }]) => row(key.toString('hex'), epoch, offset, hash)).sort();
const briefly = (found: Seen | undefined) => found && [found.epoch, found.offset, found.hash.toString('hex', 0, 8)];

/** Park-Miller: the same draws in every run. */
function random(seed: number): (below: number) => number {
  let x = seed;
  return (below) => (x = (x * 48_271) % 2_147_483_647) % below;
}

describe('the nullifier memory', () => {
  it('leaves every earlier version as it was', () => {
    const one = SeenNullifiers.EMPTY.with(nullifier(1), seen(1), 0);
    const left = one.with(nullifier(2), seen(2), 0);
    const right = one.with(nullifier(3), seen(3), 0);
    expect([one, left, right].map((map) => [1, 2, 3].map((n) => map.get(nullifier(n))?.epoch))).toEqual([[1, undefined, undefined], [1, 2, undefined], [1, undefined, 3]]);
    expect(count(SeenNullifiers.EMPTY)).toBe(0);
  });

  it('takes a nullifier again once its epoch is below the floor', () => {
    const first = SeenNullifiers.EMPTY.with(nullifier(1), seen(1), 0).with(nullifier(2), seen(5), 4);
    expect(first.get(nullifier(1))).toBeUndefined();
    const again = first.with(nullifier(1), seen(6), 4);
    expect(again.get(nullifier(1))?.epoch).toBe(6);
    expect(first.get(nullifier(1))).toBeUndefined();
  });

  it('is bounded by the window, not by history, and lets go of epochs without being asked', () => {
    let map = SeenNullifiers.EMPTY;
    for (let epoch = 0; epoch < 100_000; epoch++) map = map.with(nullifier(epoch), seen(epoch), Math.max(0, epoch - 99));
    expect(count(map)).toBe(100);
    expect(map.get(nullifier(99_900))).toBeDefined();
    expect(map.get(nullifier(99_899))).toBeUndefined();
    expect(map.bytes).toBeLessThan(30_000);
    map = map.with(nullifier(1), seen(1_000_000), 1_000_000);
    expect(count(map)).toBe(1);
  });

  it('agrees with a plain map over random additions, branches, dropped versions and floors', () => {
    for (let seed = 1; seed <= 5; seed++) {
      const roll = random(seed);
      let versions: { map: SeenNullifiers; model: Model }[] = [{ map: SeenNullifiers.EMPTY, model: new Model() }];
      let floor = 0;
      for (let step = 0; step < 2500; step++) {
        // mostly the newest goes on; now and then an older one branches off, and the branch is what goes on
        const from = roll(40) === 0 ? versions[roll(versions.length)]! : versions.at(-1)!;
        floor = Math.max(from.model.floor, roll(8) === 0 ? floor + roll(5) : floor);
        const key = nullifier(roll(4) === 0 ? roll(50) : 1000 + seed * 10_000 + step);
        const entry = { epoch: floor - 3 + roll(40), offset: step, hash: sha(`${seed} ${step}`) };
        const next = { map: from.map.with(key, entry, floor), model: from.model.with(key, entry, floor) };
        versions = [...versions.slice(-4), next];
        const probes = [key, ...from.model.all.slice(-3).map(([name]) => Buffer.from(name, 'hex')), nullifier(roll(50)), nullifier(1000 + seed * 10_000 + roll(step + 1))];
        for (const { map, model } of versions) {
          for (const probe of probes) if (JSON.stringify(briefly(map.get(probe))) !== JSON.stringify(briefly(model.get(probe)))) throw new Error(`seed ${seed}, step ${step}: ${probe.toString('hex')}`);
        }
      }
      for (const { map, model } of versions) expect(liveOf(map)).toEqual(model.live());
    }
  });

  it('keeps any epoch and offset that a number can be, in any order', () => {
    const numbers = [0, -1, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 48, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
    let map = SeenNullifiers.EMPTY;
    const expected = new Map<number, [number, number]>();
    for (let n = 0; n < 3000; n++) {
      const [epoch, offset] = [numbers[n % numbers.length]!, Math.abs(numbers[(7 * n + 3) % numbers.length]!) - (n % 2)];
      expected.set(n, [epoch, Math.abs(offset)]);
      map = map.with(nullifier(n), { epoch, offset: Math.abs(offset), hash: sha(`${n}`) }, Number.MIN_SAFE_INTEGER);
    }
    for (const [n, [epoch, offset]] of expected) expect(map.get(nullifier(n))).toMatchObject({ epoch, offset, hash: sha(`${n}`).subarray(0, 8) });
  });

  it('takes its own entries for the same map', () => {
    let map = SeenNullifiers.EMPTY;
    for (let n = 0; n < 2000; n++) map = map.with(sha(`${n}`), seen(n % 50), 10);
    let again = SeenNullifiers.EMPTY;
    for (const [key, entry] of map.entries()) again = again.with(key, entry, 10);
    expect(liveOf(again)).toEqual(liveOf(map));
    expect(count(map)).toBe(1600);
    expect(again.get(sha('1999'))).toEqual(map.get(sha('1999')));
  });

  it('tells records apart by what it keeps of their hashes', () => {
    const kept = SeenNullifiers.EMPTY.with(nullifier(1), seen(7), 0).get(nullifier(1))!;
    const other = sha('7');
    other[7]! ^= 1;
    expect([isSameRecord(kept, sha('7')), isSameRecord(kept, sha('8')), isSameRecord(kept, other)]).toEqual([true, false, false]);
  });

  it.each([0, 4, 8, 12])('tells nullifiers apart that differ in one bit of word %i of what counts', (at) => {
    const [one, other] = [sha('one'), sha('one')];
    other[16 + at]! ^= 1;
    let map = SeenNullifiers.EMPTY.with(one, seen(1), 0);
    expect(map.get(other)).toBeUndefined();
    for (let n = 0; n < 600; n++) map = map.with(sha(`${n}`), seen(1), 0);
    expect([map.get(one)?.epoch, map.get(other)]).toEqual([1, undefined]);
  });
});

describe('a window of many', () => {
  const hash = sha('');
  const drawn = (n: number) => {
    const key = Buffer.alloc(32);
    for (let at = 0; at < 32; at += 4) key.writeUInt32BE(Math.imul((n + 1) * 0x9e37_79b1, at + 0x85eb_ca6b) >>> 0, at);
    key.writeUInt32BE(n, 28);
    return key;
  };

  it.each([100_000])('of %i takes at most 32 bytes an entry, also while it moves on, and finds every one', (many) => {
    const filling = SeenNullifiers.filling();
    const entry = (n: number) => ({ epoch: Math.floor(n / 500), offset: n, hash });
    for (let n = 0; n < many; n++) filling.add(drawn(n), entry(n), 0);
    let map = filling.done();
    const perEntry = [map.bytes / many];
    for (let n = many; n < 2 * many; n++) {
      const floor = entry(n).epoch - many / 500 + 1;
      map = map.with(drawn(n), entry(n), floor);
      if (n % 500 === 499) perEntry.push(map.bytes / (n + 1 - floor * 500));
    }
    expect(Math.max(...perEntry)).toBeLessThanOrEqual(32);
    for (let n = many; n < 2 * many; n += 97) expect(map.get(drawn(n))?.offset).toBe(n);
    expect(map.get(drawn(many - 1))).toBeUndefined();
    expect(map.get(drawn(2 * many))).toBeUndefined();
    const settled = drawn(many + 1000);
    for (let bit = 0; bit < 128; bit++) {
      const near = Buffer.from(settled);
      near[16 + (bit >>> 3)]! ^= 1 << (bit & 7);
      if (map.get(near) !== undefined) throw new Error(`bit ${bit} does not count`);
    }
  });

  it('keeps versions apart that were a batch away from one another, also over many shards, and refuses one that is too old to know', () => {
    const filling = SeenNullifiers.filling();
    const [many, batch] = [150_000, 1000];
    const entry = (n: number) => ({ epoch: Math.floor(n / 500), offset: n, hash });
    for (let n = 0; n < many; n++) filling.add(drawn(n), entry(n), 0);
    const start = filling.done();
    const add = (map: SeenNullifiers, from: number, count: number) => {
      for (let n = from; n < from + count; n++) map = map.with(drawn(n), entry(n), 0);
      return map;
    };
    const left = add(start, many, batch);
    const right = add(start, 10 * many, batch);
    const has = (map: SeenNullifiers, from: number) => Array.from({ length: batch }, (_, i) => map.get(drawn(from + i))?.offset === from + i);
    for (const [map, own, others] of [[left, many, 10 * many], [right, 10 * many, many]] as const) {
      expect(new Set(has(map, own))).toEqual(new Set([true]));
      expect(new Set(has(map, others))).toEqual(new Set([false]));
    }
    expect(new Set([...has(start, many), ...has(start, 10 * many)])).toEqual(new Set([false]));
    // the newest of each line goes on, and its own replaced parts go
    const [leftOn, rightOn] = [add(left, many + batch, 30_000), add(right, 10 * many + batch, 30_000)];
    for (const map of [leftOn, rightOn]) for (let n = 0; n < many; n += 101) if (map.get(drawn(n))?.offset !== n) throw new Error(`${n} is missing`);
    const old = Array.from({ length: 200 }, (_, n) => () => left.get(drawn(n)));
    expect(old.filter((look) => { try { return look()?.offset === undefined; } catch { return false; } })).toEqual([]);
    expect(() => { for (let n = 0; n < 200; n++) left.get(drawn(many + n)); }).toThrow(/^ATS_INTERNAL: .*too old/);
    expect(() => left.with(drawn(1), entry(1), 0)).toThrow(/^ATS_INTERNAL/);
  });

  it('lets go of a window that is over while few come, and has its entries together again', () => {
    const filling = SeenNullifiers.filling();
    const [many, few] = [150_000, 600];
    for (let n = 0; n < many; n++) filling.add(drawn(n), { epoch: Math.floor(n / 500), offset: n, hash }, 0);
    let map = filling.done();
    for (let n = many; n < many + few; n++) map = map.with(drawn(n), { epoch: 1000, offset: n, hash }, 1000);
    expect(count(map)).toBe(few);
    expect(map.bytes).toBeLessThan(100 * few); // far fewer than would make every shard settle for what is new
    for (let n = many; n < many + few; n++) expect(map.get(drawn(n))?.offset).toBe(n);
    expect(map.get(drawn(many - 1))).toBeUndefined();
  });
});
