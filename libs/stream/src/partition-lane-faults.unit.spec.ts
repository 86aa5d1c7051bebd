import { setImmediate as turn } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { gate, offsets, ScriptedPartition } from '../test/scripted-partition.js';

/** Time is the test's: a pause after a failure costs nothing, and a deadline comes when it is called. */
beforeEach(() => void jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] }));
afterEach(() => void jest.useRealTimers());

it.each([
  ['was not applied', async () => { throw new Error('aborted'); }],
  ['was applied though it failed', async (apply: () => void) => { apply(); throw new Error('the answer was lost'); }],
  ['ends in its deadline alone', () => new Promise<void>(() => undefined)],
] as const)('a transaction that %s has its producer closed, the state built anew, and each record once', async (_, fail) => {
  const partition = new ScriptedPartition(offsets(30), 8);
  const good = partition.onCommit;
  let commits = 0;
  partition.onCommit = async (apply) => await (++commits === 2 ? fail(apply) : good(apply));
  partition.join();
  await partition.goOn(4);
  expect(partition.wrong()).toEqual([]);
  expect([partition.opened, partition.closed]).toEqual([2, 1]);
  expect(partition.events.filter(({ kind }) => kind === 'reset')).toHaveLength(1);
  expect(partition.asked).toEqual([`seek ${partition.transactions[0]!.next}`]);
  expect(partition.lane.load).toEqual({ ahead: 0, queued: 0 });
});

it.each(['onOpen', 'onPrepare', 'onProcess'] as const)('what %s throws brings the records again with a new state', async (hook) => {
  const partition = new ScriptedPartition(offsets(30), 8);
  let calls = 0;
  partition[hook] = async () => { if (++calls === (hook === 'onOpen' ? 1 : 2)) throw new Error('it fails once'); };
  partition.join();
  await partition.goOn(4);
  expect(partition.wrong()).toEqual([]);
  expect(partition.opened).toBe(hook === 'onOpen' ? 1 : 2);
  expect(partition.closed).toBe(partition.opened - 1);
});

it('while nothing succeeds it is tried again only after a pause', async () => {
  const partition = new ScriptedPartition(offsets(5), 8);
  let attempts = 0;
  partition.onOpen = async () => {
    attempts++;
    throw new Error('it is not to be');
  };
  partition.join();
  await partition.drain(5);
  expect(attempts).toBe(1);
  await jest.advanceTimersByTimeAsync(100);
  await partition.drain(5);
  expect(attempts).toBe(2);
  await jest.advanceTimersByTimeAsync(40);
  await partition.drain(5);
  expect(attempts).toBe(2);
});

it('transactions are smaller after failures, and as large as before after a success', async () => {
  const partition = new ScriptedPartition(offsets(1024), 512);
  // All that the bound allows is prepared at once.
  let [held, pieces] = [gate(), 0];
  partition.onPrepare = async () => {
    if (++pieces === 16) held.open();
    await held.promise;
  };
  let failures = 0;
  partition.onCommit = async (apply) => {
    if (++failures > 3) return apply();
    [held, pieces] = [gate(), 0];
    throw new Error('too old');
  };
  partition.join();
  await partition.goOn(1024);
  expect(partition.wrong()).toEqual([]);
  expect(partition.transactions.map(({ records }) => records)).toEqual([512, 256, 128, 64, 512, 448]);
});

it.each([
  ['the group is joined anew', (partition: ScriptedPartition) => partition.join()],
  ['a transaction fails', (partition: ScriptedPartition) => { partition.onCommit = async (apply) => { partition.calm(); apply(); throw new Error('the answer was lost'); }; }],
] as const)('a partition that is paused is fetched again when %s', async (_, happens) => {
  const partition = new ScriptedPartition(offsets(6000), 500);
  const held = gate();
  partition.onPrepare = () => held.promise;
  partition.join();
  await partition.drain(400);
  expect(partition.paused).toBe(true);
  happens(partition);
  partition.onPrepare = async () => undefined;
  held.open();
  await partition.goOn(400);
  expect(partition.wrong()).toEqual([]);
});

it.each([
  ['onPrepare', 'ends'], ['onPrepare', 'fails'], ['onProcess', 'ends'], ['onProcess', 'fails'],
] as const)('who loses the partition commits nothing more, keeps the state, and goes on with it when it is his again: %s %s', async (hook, how) => {
  const partition = new ScriptedPartition(offsets(30), 8);
  const held = gate();
  let calls = 0;
  partition[hook] = async () => {
    if (++calls !== 2) return;
    await held.promise;
    if (how === 'fails') throw new Error('the partition was lost');
  };
  partition.join();
  await partition.drain(4);
  const [before, processed] = [partition.output.length, partition.processed];
  partition.lose();
  held.open();
  await partition.drain(4);
  expect(partition.wrong(before)).toEqual([]);
  expect(partition.transactions).toHaveLength(partition.events.filter(({ kind }) => kind === 'committed').length);
  expect(partition.processed).toBe(processed);
  partition.join();
  await partition.goOn(4);
  expect(partition.wrong()).toEqual([]);
  expect([partition.opened, partition.closed]).toEqual([1, 0]);
});

it('a failure that a new producer has settled is not held against it', async () => {
  const partition = new ScriptedPartition(offsets(30), 8);
  partition.onCommit = async () => {
    partition.calm();
    throw new Error('aborted');
  };
  partition.join();
  partition.fetch(8);
  await partition.turns();
  await jest.advanceTimersByTimeAsync(5000);
  partition.onPrepare = async () => { throw partition.lose(); };
  partition.fetch(8);
  await partition.turns();
  partition.calm();
  partition.join();
  await partition.goOn(4);
  expect(partition.wrong()).toEqual([]);
  expect([partition.opened, partition.closed]).toEqual([2, 1]);
});

it('a transaction that ends after the group was joined anew counts, and what came meanwhile comes on top', async () => {
  const partition = new ScriptedPartition(offsets(30), 8);
  const held = gate();
  const good = partition.onCommit;
  let commits = 0;
  partition.onCommit = async (apply) => {
    if (++commits === 2) await held.promise;
    await good(apply);
  };
  partition.join();
  await partition.drain(4);
  partition.join();
  await partition.drain(4);
  held.open();
  await partition.goOn(4);
  expect(partition.wrong()).toEqual([]);
  expect(partition.opened).toBe(1);
  expect(partition.lane.load).toEqual({ ahead: 0, queued: 0 });
});

it('a transaction that fails after the partition was lost is settled by the next opening', async () => {
  const partition = new ScriptedPartition(offsets(30), 8);
  const held = gate();
  let commits = 0;
  partition.onCommit = async (apply) => {
    if (++commits !== 2) return apply();
    await held.promise;
    apply();
    throw new Error('the answer was lost');
  };
  partition.join();
  await partition.drain(4);
  partition.lose();
  held.open();
  await partition.drain(4);
  expect(partition.closed).toBe(1);
  partition.join();
  await partition.goOn(4);
  expect(partition.wrong()).toEqual([]);
  expect(partition.opened).toBe(2);
});

it('whatever fails whenever, each record is there once and in order', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    let random = seed;
    const chance = (of: number) => (random = Math.imul(random, 48_271) % 0x7fff_ffff, Math.abs(random) % of === 0);
    const partition = new ScriptedPartition(offsets(300).filter(() => !chance(5)), 16);
    const late = async () => { for (let n = 0; n < 3 && chance(2); n++) await turn(); };
    const mayFail = async () => {
      await late();
      if (chance(30)) throw new Error('chance');
    };
    Object.assign(partition, { onOpen: mayFail, onPrepare: mayFail, onProcess: mayFail });
    partition.onCommit = async (apply) => {
      await mayFail();
      apply();
      await mayFail();
    };
    partition.join();
    for (let step = 0; step < 600; step++) {
      if (chance(40)) partition.lose();
      if (chance(60)) {
        partition.lose();
        partition.lane.end();
      }
      if (chance(25)) partition.join();
      if (chance(2)) partition.fetch(1 + (step % 7));
      await turn();
      if (chance(10)) await jest.advanceTimersByTimeAsync(5000);
    }
    expect({ seed, broken: partition.broken }).toEqual({ seed, broken: [] });
    expect(partition.output).toEqual(partition.input.slice(0, partition.output.length));
    partition.calm();
    partition.join();
    await partition.goOn(7);
    expect(partition.wrong()).toEqual([]);
    expect(partition.closed).toBe(partition.opened - (partition.lane.next === undefined ? 0 : 1));
  }
});
