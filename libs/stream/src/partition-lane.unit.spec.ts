import { jest } from '@jest/globals';
import { gate, offsets, ScriptedPartition } from '../test/scripted-partition.js';

/** Time is the test's: a pause after a failure costs nothing, and a deadline comes when it is called. */
beforeEach(() => void jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] }));
afterEach(() => void jest.useRealTimers());

it('the state moves once output and offset are committed, and the offset is the one after the last record', async () => {
  const partition = new ScriptedPartition(offsets(25), 10);
  const held = gate();
  partition.onCommit = async (apply) => {
    await held.promise;
    apply();
  };
  partition.join();
  await partition.drain(5);
  expect(partition.broken).toEqual([]);
  expect(partition.lane.next).toBe(0n);
  held.open();
  await partition.drain(5);
  expect(partition.wrong()).toEqual([]);
  expect(partition.lane.next).toBe(25n);
  expect(partition.opened).toBe(1);
});

it('records are prepared in order while earlier ones are committed, up to two transactions of them, and a transaction takes all that is ready', async () => {
  const partition = new ScriptedPartition(offsets(60), 8);
  const held = gate();
  partition.onCommit = async (apply) => {
    await held.promise;
    apply();
  };
  partition.join();
  await partition.drain(3);
  expect(partition.prepared).toEqual(offsets(partition.prepared.length));
  expect(partition.lane.load).toEqual({ ahead: partition.prepared.length, queued: 60 - partition.prepared.length });
  expect(partition.prepared.length).toBeGreaterThanOrEqual(16);
  expect(partition.prepared.length).toBeLessThan(16 + 8);
  held.open();
  await partition.drain(3);
  expect(partition.wrong()).toEqual([]);
  expect(partition.lane.load).toEqual({ ahead: 0, queued: 0 });
  expect(Math.max(...partition.transactions.map(({ records }) => records))).toBe(8);
});

it('what comes while a transaction is under way is prepared at once', async () => {
  const partition = new ScriptedPartition(offsets(6), 8);
  const held = gate();
  partition.onCommit = () => held.promise;
  partition.join();
  for (const prepared of [3, 6]) {
    partition.fetch(3);
    await partition.turns();
    expect(partition.prepared).toEqual(offsets(prepared));
  }
  expect(partition.transactions).toHaveLength(1);
});

it('what is not prepared yet waits for the next transaction', async () => {
  const partition = new ScriptedPartition(offsets(12), 8);
  const [first, held] = [gate(), gate()];
  partition.onPrepare = async ([record]) => await (record!.offset === 0n ? first.promise : held.promise);
  partition.join();
  await partition.drain(3);
  expect(partition.transactions).toEqual([]);
  first.open();
  await partition.drain(3);
  const ready = partition.output.length;
  expect(partition.wrong(ready)).toEqual([]);
  expect(ready).toBeGreaterThan(0);
  expect(ready).toBeLessThan(12);
  held.open();
  await partition.drain(3);
  expect(partition.wrong()).toEqual([]);
});

it('a full intake pauses the fetches, and half of it taken lets them go on', async () => {
  const partition = new ScriptedPartition(offsets(6000), 500);
  const held = gate();
  partition.onCommit = async (apply) => {
    await held.promise;
    apply();
  };
  partition.join();
  await partition.drain(400);
  expect(partition.asked).toEqual(['pause']);
  const { queued, ahead } = partition.lane.load;
  expect(queued + ahead).toBeGreaterThanOrEqual(2000);
  expect(queued + ahead).toBeLessThan(2400 + ahead);
  held.open();
  await partition.drain(400);
  expect(partition.wrong()).toEqual([]);
});

it('the work goes on at the offset that is committed, wherever the fetches began', async () => {
  const partition = new ScriptedPartition(offsets(20), 8);
  partition.output.push(...offsets(7));
  partition.committed = 7n;
  partition.join();
  partition.position = 3n;
  await partition.drain(4);
  expect(partition.asked).toEqual([]);
  expect(partition.wrong()).toEqual([]);

  const beyond = new ScriptedPartition(offsets(20), 8);
  beyond.join();
  beyond.position = 5n;
  await beyond.drain(4);
  expect(beyond.asked).toEqual(['seek 0']);
  expect(beyond.wrong()).toEqual([]);
});

it('what lies beyond a gap is fetched again from the gap on, unless no record lies there', async () => {
  const partition = new ScriptedPartition([...offsets(5), ...offsets(5, 10), ...offsets(5, 20)], 8);
  partition.join();
  await partition.drain(5);
  const gapless = partition.asked.length;
  expect(partition.wrong()).toEqual([]);

  const gap = new ScriptedPartition([...offsets(5), ...offsets(5, 10)], 8);
  const held = gate();
  gap.onCommit = async (apply) => {
    await held.promise;
    apply();
  };
  gap.join();
  gap.fetch(5);
  gap.position = 9n;
  gap.fetch(2);
  expect(gap.asked).toEqual(['seek 5']);
  gap.lane.hidden(5n, 8n);
  gap.position = 9n;
  gap.fetch(2);
  expect(gap.asked).toEqual(['seek 5']);
  held.open();
  await gap.drain(5);
  expect(gap.wrong()).toEqual([]);
  expect(gapless).toBe(0);
});

it('a stop waits for the transaction under way, and begins none after it', async () => {
  const partition = new ScriptedPartition(offsets(30), 8);
  const held = gate();
  partition.onCommit = async (apply) => {
    await held.promise;
    apply();
  };
  partition.join();
  await partition.drain(4);
  expect(partition.transactions).toHaveLength(1);
  partition.stopping.abort();
  let halted = false;
  const halting = partition.lane.halted().then(() => { halted = true; });
  expect(partition.paused).toBe(true);
  await partition.drain(4);
  expect(halted).toBe(false);
  held.open();
  await halting;
  await partition.drain(4);
  expect(partition.transactions).toHaveLength(1);
  expect(partition.wrong(partition.transactions[0]!.records)).toEqual([]);
  partition.lane.end();
  expect(partition.closed).toBe(1);
});

it('what comes once a stop has begun is not taken', () => {
  const partition = new ScriptedPartition(offsets(30), 8);
  partition.join();
  partition.stopping.abort();
  partition.fetch(4);
  expect([partition.position, partition.paused]).toEqual([0n, true]);
  expect(partition.lane.load).toEqual({ ahead: 0, queued: 0 });
});

it('what an earlier membership fetched is not taken', () => {
  const partition = new ScriptedPartition(offsets(30), 8);
  partition.join();
  const earlier = partition.tenure;
  partition.join();
  partition.fetch(4, earlier);
  expect(partition.lane.load).toEqual({ ahead: 0, queued: 0 });
});

it('a partition that is another\'s has its producer closed, also one that is only just being opened', async () => {
  const partition = new ScriptedPartition(offsets(30), 8);
  const held = gate();
  partition.onOpen = () => held.promise;
  partition.join();
  await partition.drain(4);
  partition.lose();
  partition.lane.end();
  expect(partition.lane.load).toEqual({ ahead: 0, queued: 0 });
  held.open();
  await partition.drain(4);
  expect([partition.opened, partition.closed]).toEqual([1, 1]);
  expect(partition.transactions).toEqual([]);
  partition.join();
  await partition.goOn(4);
  expect(partition.wrong()).toEqual([]);
  partition.lane.end();
  expect([partition.opened, partition.closed]).toEqual([2, 2]);
});

describe('with a pace', () => {
  const PACE_MS = 40;
  const begun = (partition: ScriptedPartition) => partition.transactions.map(({ records }) => records);

  it('a record that comes alone is committed at once; what follows soon waits for the pace, and takes along what came meanwhile', async () => {
    const partition = new ScriptedPartition(offsets(3), 8, PACE_MS);
    partition.join();
    partition.fetch(1);
    await partition.turns();
    expect(begun(partition)).toEqual([1]);
    partition.fetch(1);
    await partition.turns();
    await jest.advanceTimersByTimeAsync(PACE_MS - 1);
    partition.fetch(1);
    await partition.turns();
    expect(begun(partition)).toEqual([1]);
    await jest.advanceTimersByTimeAsync(1);
    await partition.turns();
    expect(begun(partition)).toEqual([1, 2]);
    expect(partition.wrong()).toEqual([]);
  });

  it('a partition that is lost and comes back while a transaction waits for the pace keeps its state', async () => {
    const partition = new ScriptedPartition(offsets(3), 8, PACE_MS);
    partition.join();
    partition.fetch(1);
    await partition.turns();
    partition.fetch(1);
    await partition.turns();
    partition.join();
    await partition.turns();
    await jest.advanceTimersByTimeAsync(PACE_MS);
    await partition.drain(3);
    expect([partition.opened, partition.events.filter(({ kind }) => kind === 'reset')]).toEqual([1, []]);
    expect(partition.wrong()).toEqual([]);
  });

  it('a whole transaction waits for nothing', async () => {
    const partition = new ScriptedPartition(offsets(40), 8, PACE_MS);
    partition.join();
    await partition.drain(40);
    // The rest is less than one.
    expect(begun(partition).slice(0, 3)).toEqual([8, 8, 8]);
    await jest.advanceTimersByTimeAsync(PACE_MS);
    await partition.drain(40);
    expect(partition.wrong()).toEqual([]);
  });

  it('a stop does not wait for it', async () => {
    const partition = new ScriptedPartition(offsets(2), 8, PACE_MS);
    partition.join();
    partition.fetch(1);
    await partition.turns();
    partition.fetch(1);
    await partition.turns();
    partition.stopping.abort();
    await partition.lane.halted();
    await partition.turns();
    await jest.advanceTimersByTimeAsync(PACE_MS);
    await partition.turns();
    expect(begun(partition)).toEqual([1]);
    expect(partition.wrong(1)).toEqual([]);
  });
});
