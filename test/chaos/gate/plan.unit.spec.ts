import { APPS, drawPlan, targetOf } from './plan.js';

const full = { messages: 22_000, kills: 110, evictions: 8, brokerKills: 6, gates: 3, brokers: 3 };
const blowsOf = (seed: number, change: Partial<typeof full> = {}) => drawPlan({ ...full, ...change, seed }).flatMap(({ blows }) => blows);

it('the same seed strikes the same at the same message, and another one otherwise', () => {
  expect(drawPlan({ ...full, seed: 5 })).toEqual(drawPlan({ ...full, seed: 5 }));
  expect(drawPlan({ ...full, seed: 5 })).not.toEqual(drawPlan({ ...full, seed: 6 }));
});

it.each([1, 2, 3, 4, 5])('seed %i: as many blows as were asked for, on every app, every gate and every broker', (seed) => {
  const blows = blowsOf(seed);
  const of = (type: string) => blows.filter((blow) => blow.type === type);
  expect([of('kill').length, of('evict').length, of('broker').length]).toEqual([110, 8, 6]);
  const targets = new Set(blows.map(targetOf));
  for (const target of ['gate 0', 'gate 1', 'gate 2', 'sink 0', 'anchor 0', 'indexer 0', 'broker']) expect(targets).toContain(target);
});

it('ten kills already reach every app', () => {
  const kills = blowsOf(1, { kills: 10, evictions: 1, brokerKills: 0 }).filter((blow) => blow.type === 'kill');
  expect(kills).toHaveLength(10);
  expect(new Set(kills.map((blow) => blow.type === 'kill' && blow.app))).toEqual(new Set(APPS));
});

it('strikes come in order within the traffic, and no two blows of one have the same target', () => {
  const plan = drawPlan({ ...full, seed: 5 });
  expect(plan.map(({ at }) => at)).toEqual(plan.map(({ at }) => at).toSorted((a, b) => a - b));
  expect(plan.at(-1)!.at).toBeLessThan(full.messages);
  for (const { blows } of plan) expect(new Set(blows.map(targetOf)).size).toBe(blows.length);
});

it('nothing to do is an empty plan', () => {
  expect(drawPlan({ ...full, seed: 1, kills: 0, evictions: 0, brokerKills: 0 })).toEqual([]);
});
