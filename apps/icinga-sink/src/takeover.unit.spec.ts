import { AtsError } from '#libs/errors';
import type { KafkaRecord } from '#libs/events';
import type { ServiceCheckResult } from './check-result.js';
import { Takeover, type TakeoverParameters } from './takeover.js';

const never = new AbortController().signal;
const record = (partition: number, offset: bigint): KafkaRecord => ({ topic: 'telemetry.verified', partition, offset, timestamp: 0, key: null, value: null, headers: [] });

function setup(changes: Partial<TakeoverParameters['reader']> = {}) {
  const recalled: string[] = [];
  let clears = 0;
  const takeover = new Takeover({
    groupId: 'icinga-sink', freshnessSeconds: 90,
    reader: {
      committed: async () => 10n,
      offsetAt: async () => 7n,
      async *read(_topic, partition, from, to) { for (let offset = from; offset < to; offset++) yield record(partition, offset); },
      ...changes,
    },
    states: { clear: () => { clears++; recalled.length = 0; }, recall: ({ host }) => void recalled.push(host) },
    resultOf: async ({ partition, offset }) => (offset === 8n ? null : { host: `${partition}/${offset}` } as ServiceCheckResult),
  });
  return { takeover, recalled, clears: () => clears };
}

it('recalls what is fresh and was committed, partition by partition', async () => {
  const { takeover, recalled } = setup();
  await takeover.begin([0, 2], never);
  await takeover.done;
  expect(recalled).toEqual(['0/7', '0/9', '2/7', '2/9']);
});

it.each([['nothing was committed', { committed: async () => null }], ['nothing is fresh', { offsetAt: async () => null }], ['nothing committed is fresh', { offsetAt: async () => 10n }]])(
  'recalls nothing when %s', async (_, changes) => {
    const { takeover, recalled } = setup(changes);
    await takeover.begin([0], never);
    expect(recalled).toEqual([]);
  });

it('looks back as far as a state can be fresh', async () => {
  let since = 0;
  const { takeover } = setup({ offsetAt: async (_topic, _partition, timestamp) => { since = timestamp; return null; } });
  await takeover.begin([0], never);
  expect(Math.abs(Date.now() - 90_000 - since)).toBeLessThan(5_000);
});

it('waits for a broker that is away, and throws what waiting does not mend', async () => {
  let asked = 0;
  const { takeover, recalled } = setup({ committed: async () => { if (++asked < 3) throw new AtsError('ATS_BROKER_UNREACHABLE', 'x'); return 8n; } });
  await takeover.begin([0], never);
  expect([asked, recalled]).toEqual([3, ['0/7']]);
  await expect(setup({ committed: async () => { throw new AtsError('ATS_LOG_UNREADABLE', 'x'); } }).takeover.begin([0], never)).rejects.toThrow('ATS_LOG_UNREADABLE');
});

it('a takeover that begins ends the one before, whose waiters wait for the new one', async () => {
  const gate = Promise.withResolvers<bigint>();
  const { takeover, recalled, clears } = setup({ committed: async (_group, _topic, partition) => (partition === 0 ? await gate.promise : 8n) });
  const order: string[] = [];
  const waiting = takeover.done.then(() => order.push('done'));
  const first = takeover.begin([0], never);
  const second = takeover.begin([1], never).then(() => order.push('second'));
  gate.resolve(10n);
  await Promise.all([first, second, waiting]);
  expect([order.includes('second'), recalled, clears()]).toEqual([true, ['1/7'], 2]);
});
