import { jest } from '@jest/globals';
import { gate } from '../test/scripted-partition.js';
import { ScriptedGroup } from '../test/scripted-group.js';

/** Time is the test's: a pause after a failure costs nothing. */
beforeEach(() => void jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] }));
afterEach(() => void jest.useRealTimers());

let group: ScriptedGroup;

beforeEach(async () => {
  group = new ScriptedGroup(4);
  await group.join();
});

/** Of the first batch alone: those that come again, or after it, are handled at once. */
function holdFirst(): { open(): void } {
  const held = gate();
  group.onHandle = async () => {
    group.onHandle = async () => undefined;
    await held.promise;
  };
  return held;
}

/** A pause after a failure passes. */
async function later(): Promise<void> {
  await jest.advanceTimersByTimeAsync(5000);
  await group.turns();
}

it('of a partition one batch is with its handler, and what is fetched meanwhile waits for its end', async () => {
  const held = holdFirst();
  await group.fetch(2);
  const second = group.fetch(2);
  await group.turns();
  expect([group.handled, group.commits]).toEqual([['0 1'], []]);
  held.open();
  await second;
  await group.turns();
  expect([group.handled, group.commits]).toEqual([['0 1', '2 3'], [2, 4]]);
});

it('a batch that waits behind one that was given up is not committed past it when the membership has ended, also before the next one begins', async () => {
  group.onHandle = async ({ signal }) => {
    // Whoever hurries to an end gives up.
    await new Promise<void>((resolve) => { signal.addEventListener('abort', () => resolve()); });
    throw new Error('no longer wanted');
  };
  await group.fetch(2);
  const second = group.fetch(2);
  await group.turns();
  group.onHandle = async () => undefined;
  group.rebalance();
  await second;
  await later();
  expect([group.handled, group.commits]).toEqual([['0 1'], []]);
  await group.join();
  await group.fetch(2);
  await group.fetch(2);
  await group.turns();
  expect([group.handled, group.commits]).toEqual([['0 1', '0 1', '2 3'], [2, 4]]);
});

it('nor when the group was joined again meanwhile: what it brought comes again', async () => {
  const held = holdFirst();
  await group.fetch(2);
  const second = group.fetch(2);
  await group.turns();
  await group.join();
  held.open();
  await second;
  await later();
  expect([group.handled, group.commits]).toEqual([['0 1'], []]);
  await group.fetch(4);
  await group.turns();
  expect([group.handled, group.commits]).toEqual([['0 1', '0 1 2 3'], [4]]);
});

it('after a failed commit the batch is fetched again, and what waited behind it is not committed past it', async () => {
  const held = holdFirst();
  group.onCommit = async () => {
    group.onCommit = async () => undefined;
    throw new Error('the coordinator is away');
  };
  await group.fetch(2);
  const second = group.fetch(2);
  await group.turns();
  held.open();
  await later();
  await second;
  expect([group.handled, group.commits]).toEqual([['0 1'], []]);
  expect(group.events).toContainEqual(expect.objectContaining({ kind: 'retry', why: expect.stringContaining('the coordinator is away') }));
  await group.fetch(2);
  await group.turns();
  await group.fetch(2);
  await group.turns();
  expect([group.handled, group.commits]).toEqual([['0 1', '0 1', '2 3'], [2, 4]]);
});

it('so is one that its handler gave up because the group no longer answered as to a member, of which its signal tells', async () => {
  const held = gate();
  let signal: AbortSignal | undefined;
  group.onHandle = async (batch) => {
    group.onHandle = async () => undefined;
    ({ signal } = batch);
    await held.promise;
    await batch.heartbeat();
  };
  await group.fetch(2);
  group.onHeartbeat = async () => {
    group.onHeartbeat = async () => undefined;
    throw new Error('the group is rebalancing');
  };
  held.open();
  await later();
  expect([signal?.aborted, group.handled, group.commits]).toEqual([true, ['0 1'], []]);
  await group.fetch(2);
  await group.turns();
  expect([group.handled, group.commits]).toEqual([['0 1', '0 1'], [2]]);
});

it('what a handler throws brings the batch again in its place, and nothing is fetched again', async () => {
  let attempts = 0;
  group.onHandle = async () => { if (++attempts < 4) throw new Error('not yet'); };
  await group.fetch(2);
  const second = group.fetch(2);
  await later();
  await later();
  await later();
  await second;
  await group.turns();
  expect([group.handled, group.commits]).toEqual([['0 1', '0 1', '0 1', '0 1', '2 3'], [2, 4]]);
});

it('what the group answers to the heartbeat of a batch that waits is the client\'s to hear, and the batch is not begun', async () => {
  const held = holdFirst();
  await group.fetch(2);
  group.onHeartbeat = async () => { throw new Error('the group is rebalancing'); };
  const second = group.fetch(2);
  held.open();
  await expect(second).rejects.toThrow('the group is rebalancing');
  expect([group.handled, group.commits]).toEqual([['0 1'], [2]]);
});
