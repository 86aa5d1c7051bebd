import { FairQueue, type Standing } from './fair-queue.js';

interface Proof { flow: string; standing: Standing; holds: boolean }

const MOST = 128;
/** What native/ takes for a batch, milliseconds, about: a false proof makes it ask halves. */
const costOf = (proofs: number, failed: number) => 1 + 0.22 * proofs + Math.min(2 * failed * Math.log2(proofs), 3 * proofs);

let queue: FairQueue<Proof>;
beforeEach(() => { queue = new FairQueue(MOST); });

const push = (count: number, flow: string, standing: Standing = 'good', holds = true) => {
  for (let i = 0; i < count; i++) queue.push(flow, standing, { flow, standing, holds });
};
const work = () => {
  const batch = queue.take()!;
  const failed = batch.items.filter(({ holds }) => !holds).length;
  const milliseconds = costOf(batch.items.length, failed);
  queue.settle(batch, { failed, milliseconds });
  return { ...batch, failed, milliseconds };
};
const countBy = (items: readonly Proof[]) => Object.fromEntries([...Map.groupBy(items, ({ flow }) => flow)].map(([flow, { length }]) => [flow, length]));

it('gives everything once, in the order of its flow, and nothing when nothing waits', () => {
  const order = new FairQueue<string>(8);
  for (let i = 0; i < 30; i++) order.push(`flow ${i % 3}`, i % 5 === 0 ? 'suspect' : 'good', `${i}`);
  const given: string[] = [];
  for (let batch = order.take(); batch !== undefined; batch = order.take()) {
    order.settle(batch, { failed: 0, milliseconds: 1 });
    given.push(...batch.items);
  }
  expect([...given].sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 30 }, (_, i) => `${i}`));
  for (const flow of [0, 1, 2]) {
    for (const suspect of [true, false]) {
      const ofFlow = given.map(Number).filter((i) => i % 3 === flow && (i % 5 === 0) === suspect);
      expect(ofFlow).toEqual([...ofFlow].sort((a, b) => a - b));
    }
  }
  expect([order.take(), order.size]).toEqual([undefined, 0]);
});

it('batches good authors over all flows, an equal number from each, and what one lacks goes to the others', () => {
  push(1000, 'flood');
  push(50, 'a');
  push(10, 'b');
  const first = work();
  expect(first.items).toHaveLength(MOST);
  expect(countBy(first.items)).toEqual({ flood: 68, a: 50, b: 10 });
  expect(countBy(work().items)).toEqual({ flood: 128 });
});

it('never mixes suspects of one flow with anybody else', () => {
  push(20, 'a', 'suspect');
  push(20, 'b', 'suspect');
  push(20, 'a');
  push(20, 'b');
  const batches = [work(), work(), work()];
  expect(batches.filter(({ standing }) => standing === 'good').map(({ items }) => countBy(items))).toEqual([{ a: 20, b: 20 }]);
  expect(batches.filter(({ standing }) => standing === 'suspect').map(({ items }) => countBy(items))).toEqual([{ a: 20 }, { b: 20 }]);
});

it('asks ever smaller batches while proofs fail, single ones when half of them do, and large ones again when all hold', () => {
  push(500, 'a', 'suspect', false);
  const sizes = Array.from({ length: 4 }, () => work().items.length);
  expect(sizes).toEqual([32, 1, 1, 1]);
  while (queue.size > 0) work();
  push(500, 'a', 'suspect');
  expect(Array.from({ length: 9 }, () => work().items.length)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 128]);
  while (queue.size > 0) work();
  push(500, 'a', 'suspect');
  queue.settle(queue.take()!, { failed: 1, milliseconds: 80 });
  expect(work().items).toHaveLength(64);
});

it('one flow\'s false proofs do not make another flow\'s suspects wait in small batches', () => {
  push(300, 'flood', 'suspect', false);
  push(300, 'new', 'suspect');
  const batches = Array.from({ length: 8 }, work);
  expect(batches.filter(({ flow }) => flow === 'new').map(({ items }) => items.length)).toEqual([32, 64, 128, 76]);
});

it.each([1, 4])('a flood of false proofs leaves the others three quarters of the time, whatever it costs; %i flows of it', (flows) => {
  const time = { good: 0, suspect: 0 };
  const done = { good: 0, suspect: 0 };
  while (time.good + time.suspect < 20_000) {
    // Both always wait.
    push(MOST, 'a');
    for (let flow = 0; flow < flows; flow++) if (queue.size < 50_000) push(MOST, `flood ${flow}`, 'suspect', false);
    const { standing, milliseconds, items } = work();
    time[standing] += milliseconds;
    done[standing] += items.length;
  }
  expect(time.good / (time.good + time.suspect)).toBeGreaterThan(0.7);
  expect(time.suspect / (time.good + time.suspect)).toBeGreaterThan(0.2);
  // As many as in three quarters of the time without a flood.
  expect(done.good).toBeGreaterThan(0.9 * 0.75 * 20_000 * MOST / costOf(MOST, 0));
});

it('who was idle has saved nothing up', () => {
  for (let i = 0; i < 100; i++) { push(MOST, 'a'); work(); }
  push(10_000, 'flood', 'suspect', false);
  push(10_000, 'a');
  const first = Array.from({ length: 200 }, work);
  const spent = (standing: Standing) => first.filter((batch) => batch.standing === standing).reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  expect(spent('suspect')).toBeLessThan(spent('good'));
});

it('suspects get all the time when nobody else waits', () => {
  push(1000, 'new', 'suspect');
  expect(Array.from({ length: 7 }, () => work().items.length)).toEqual([32, 64, 128, 128, 128, 128, 128]);
});
