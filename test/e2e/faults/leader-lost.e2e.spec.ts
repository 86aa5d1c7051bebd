import { jest } from '@jest/globals';
import type { GateProcess } from '../../support/gate-process.js';
import { until } from '../../support/gate-until.js';
import { Traffic } from '../../support/faults/traffic.js';
import { FaultWorld } from '../../support/faults/world.js';

/** Three brokers, replication 3, `min.insync.replicas` 2: any one may be lost. */

jest.setTimeout(400_000);

let world: FaultWorld;
let gate: GateProcess;

beforeAll(async () => {
  world = await FaultWorld.start({ seed: 'leaders', chain: 'made-up', brokers: 3 });
  gate = world.gate();
  await gate.start();
  await gate.ready();
}, 240_000);
afterAll(async () => { await world?.stop(); }, 120_000);

interface Partitions { readonly leaders: ReadonlyMap<string, number>; readonly inSync: number }

/** Who leads, and how many replicas the least replicated partition has in sync. */
async function partitions(): Promise<Partitions> {
  const admin = world.client.role('leaders').admin();
  try {
    await admin.connect();
    const { topics } = await admin.fetchTopicMetadata();
    const all = topics.flatMap(({ name, partitions: those }) => those.map((partition) => ({ name: `${name}[${partition.partitionId}]`, ...partition })));
    return { leaders: new Map(all.map(({ name, leader }) => [name, leader])), inSync: Math.min(...all.map(({ isr }) => isr.length)) };
  } finally {
    await admin.disconnect();
  }
}

it('leaders that are killed under load: what was acknowledged has its one verdict, and the same gate goes on under their successors', async () => {
  const { pid } = gate;
  const traffic = Traffic.begin(world);
  try {
    await loseLeaders(traffic);
  } finally {
    await traffic.end();
  }
  const holding = await world.holds(180_000);
  expect([holding.faults, traffic.wronged(holding)]).toEqual([[], []]);
  await gate.ready();
  expect(gate.pid).toBe(pid);
});

async function loseLeaders(traffic: Traffic): Promise<void> {
  await traffic.more(30);
  // every verdict passes through the first; sources, the group and the transactions are led by others of three as well
  for (const led of ['audit-log[0]', 'telemetry[0]', 'telemetry.verified[1]']) {
    const leader = (await partitions()).leaders.get(led)!;
    await world.cluster!.kill(leader);
    await until(`${led} has another leader`, async () => ![leader, -1].includes((await partitions()).leaders.get(led)!), 90_000);
    await traffic.more(30);
    await world.cluster!.start(leader);
    await until('every partition has three replicas in sync', async () => (await partitions()).inSync === 3, 120_000);
  }
  await traffic.more(30);
}
