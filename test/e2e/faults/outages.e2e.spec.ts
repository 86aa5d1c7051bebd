import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { jest } from '@jest/globals';
import { connectKafka, LogReader } from '#libs/stream';
import { openTransactor } from '../../../libs/stream/src/transactor.js';
import type { GateProcess, LogLine } from '../../support/gate-process.js';
import { until as untilOr } from '../../support/gate-until.js';
import { SmallDisk } from '../../support/faults/small-disk.js';
import { Traffic } from '../../support/faults/traffic.js';
import { FaultWorld } from '../../support/faults/world.js';

/**
 * The gate on a real broker, registry and chain, while one of them is away, its transactions are taken from it, or it stands still itself. After each fault: one
 * verdict a message, the right one, nothing lost, nothing repeated, nothing blocked, and an outage is one line when it begins and one when it is over.
 */

jest.setTimeout(600_000);

const FROZEN_TRANSACTION = fileURLToPath(new URL('../../support/faults/frozen-transaction.mjs', import.meta.url));

/** How long the broker is away. */
const AWAY_MS = 60_000;

/** Patience for machines that do many things at once. */
const until = (what: string, condition: () => boolean | Promise<boolean>) => untilOr(what, condition, 120_000);

let disk: SmallDisk;
let world: FaultWorld;
let gate: GateProcess;
let memberDisk: SmallDisk;

beforeAll(async () => {
  [disk, memberDisk] = await Promise.all([SmallDisk.make(96), SmallDisk.make(1)]);
  world = await FaultWorld.start({ seed: 'outages', chain: 'anvil', brokerDir: join(disk.dir, 'kafka') });
  gate = freezable();
  await gate.start();
  await gate.ready();
}, 240_000);
afterAll(async () => {
  await world?.stop();
  await disk?.remove();
  await memberDisk?.remove();
}, 90_000);

/** A gate whose transactions can be broken, once its file is made. */
function freezable(env: Record<string, string> = {}): GateProcess {
  return world.gate({ NODE_OPTIONS: `--import=${FROZEN_TRANSACTION}`, TEST_FREEZE_FILE: freezeFile(world.gates.length), ...env });
}

function freezeFile(i: number): string {
  return join(world.dir, `freeze-${i}`);
}

/** Freezes a gate between the records and the offsets of its next transaction. */
async function freeze(instance: GateProcess): Promise<void> {
  const file = freezeFile(world.gates.indexOf(instance));
  writeFileSync(file, 'freeze');
  await until('the gate is frozen in a transaction', () => !existsSync(file) && /\) T /.test(readFileSync(`/proc/${instance.pid}/stat`, 'utf8')));
}

/** Runs traffic over a fault; afterwards all of it has the verdicts that it must have. */
async function under(fault: (traffic: Traffic) => Promise<void>): Promise<void> {
  const traffic = Traffic.begin(world);
  try {
    await traffic.more(30);
    await fault(traffic);
    await traffic.more(30);
  } finally {
    await traffic.end();
  }
  const holding = await world.holds();
  expect([holding.faults, traffic.wronged(holding)]).toEqual([[], []]);
  await gate.ready();
}

/** An outage that is under way is one line; one that is over is one more. */
function isTold(from: number, begin: string, end: string, now: 'away' | 'back'): void {
  const [began, ended] = [linesSince(gate, from, begin).length, linesSince(gate, from, end).length];
  // on a machine that is slow enough, the same dependency may be late once more
  if (now === 'away') expect([began, ended]).toEqual([1, 0]);
  else expect([began > 0, began - ended]).toEqual([true, 0]);
}

/** Lines since a moment that begin so. */
function linesSince(instance: GateProcess, from: number, begin: string): LogLine[] {
  return instance.lines.slice(from).filter(({ msg }) => msg.startsWith(begin));
}

it('a transaction that another producer\'s fence aborts is given up, and its records are judged once all the same', async () => {
  const { pid } = gate;
  await under(async (traffic) => {
    const kafka = connectKafka({ brokers: [world.brokers], clientId: 'fence', log: { info: () => undefined, warn: () => undefined } });
    const before = await gate.metric('attestream_gate_resets_total');
    for (const place of ['telemetry-0', 'telemetry-1', 'telemetry-2', 'telemetry-3']) {
      const transactor = await openTransactor({ kafka, groupId: 'proof-gate', transactionalId: `proof-gate-${place}`, limitOf: () => 1_000_000 });
      transactor.close();
      await traffic.more(5);
    }
    await until('the gate has given up what was fenced', async () => (await gate.metric('attestream_gate_resets_total')) > before);
    kafka.close();
  });
  expect(gate.pid).toBe(pid);
});

it('a transaction that the broker aborts for its age, under a gate that stood still, is given up, and its records are judged once', async () => {
  const { pid } = gate;
  await under(async (traffic) => {
    await freeze(gate);
    const reader = new LogReader(world.client);
    const open = async () => (await reader.lastStable('audit-log', 0)) < (await reader.highWatermark('audit-log', 0));
    expect(await open()).toBe(true);
    await until('the broker has aborted it', async () => !(await open()));
    await reader.close();
    await traffic.more(10);
    process.kill(gate.pid!, 'SIGCONT');
  });
  expect(gate.pid).toBe(pid);
});

it('a gate that was paused past its session in the middle of a transaction wakes to partitions that another has, and commits nothing of theirs', async () => {
  const { pid } = gate;
  const second = freezable();
  await second.start();
  await second.ready();
  await under(async (traffic) => {
    await until('the two share the partitions', () => [gate, second].every((instance) => instance.lines.findLast(({ msg }) => /^judges [1-8] partitions/.test(msg))));
    const from = second.lines.length;
    await freeze(gate);
    await until('the other has them all', () => linesSince(second, from, 'judges 9 partitions').length > 0);
    await traffic.more(30);
    process.kill(gate.pid!, 'SIGCONT');
    await until('the two share the partitions again', () => linesSince(second, from, 'judges ').length >= 2);
  });
  expect(gate.pid).toBe(pid);
  await second.end('SIGTERM');
});

it('a registry that goes away stops no gate that runs, and a gate that starts without it says so once and begins when it is back', async () => {
  await under(async (traffic) => {
    const second = world.gate();
    await world.registry.stop();
    try {
      await traffic.more(30);
      await second.start();
      expect(await second.line('ATS_REGISTRY_UNREACHABLE')).toMatchObject({ level: 'warn', code: 'ATS_REGISTRY_UNREACHABLE' });
      expect(await (await second.get('/health/ready')).text()).toContain('ATS_REGISTRY_UNREACHABLE');
      await traffic.more(30);
    } finally {
      await world.startRegistry();
    }
    await second.ready();
    expect([linesSince(second, 0, 'ATS_REGISTRY_UNREACHABLE').length, linesSince(second, 0, 'registry is back').length]).toEqual([1, 1]);
    await second.end('SIGTERM');
  });
});

it('a chain that goes away lets records wait, which is one line and an unready gate, and they are judged when it is back', async () => {
  const from = gate.lines.length;
  const behind = async () => linesSince(gate, from, 'ATS_CHAIN_EVENTS_BEHIND').length > 0;
  await under(async () => {
    await world.anvil!.anvil.stop();
    try {
      await until('the gate says that it waits', behind);
      expect(await (await gate.get('/health/ready')).text()).toContain('ATS_CHAIN_EVENTS_BEHIND');
      isTold(from, 'ATS_CHAIN_EVENTS_BEHIND', 'chain is back', 'away');
    } finally {
      await world.anvil!.restart();
    }
  });
  isTold(from, 'ATS_CHAIN_EVENTS_BEHIND', 'chain is back', 'back');
});

it('a commit whose answer is lost is a commit: nothing is judged again, and the gate is ready without another record', async () => {
  const file = freezeFile(world.gates.indexOf(gate));
  const from = gate.lines.length;
  writeFileSync(file, 'lose proof-gate-telemetry-');
  const [place] = await world.producer.send([world.messages.telemetry({ household: 1_000_000 })]);
  expect(await world.verdicts([place!])).toEqual(['VERIFIED']);
  await until('the gate has begun again', () => linesSince(gate, from, 'telemetry[').some(({ msg }) => msg.includes('the answer was lost')));
  await gate.ready();
  expect((await world.holds()).faults).toEqual([]);
});

it('a full disk under the gate\'s own file costs nothing but the file', async () => {
  // where no disk may be mounted, a file that cannot be written for another reason
  const full = freezable({ ATTESTREAM_GATE_MEMBER_FILE: join(memberDisk.dir, memberDisk.mounted ? 'member' : 'missing/member') });
  await under(async () => {
    if (memberDisk.mounted) await memberDisk.fill(process.pid);
    await gate.end('SIGTERM');
    gate = full;
    await gate.start();
    await gate.ready();
  });
  expect(linesSince(gate, 0, 'could not write the member id').length).toBeGreaterThan(0);
  memberDisk.makeRoom();
  await gate.end('SIGKILL');
  await gate.start();
  await under(async () => undefined);
});

it(`a broker whose disk fills up ends and is away for ${AWAY_MS / 1000} s: one line, and the same gate goes on when there is room`, async () => {
  const { pid } = gate;
  const from = gate.lines.length;
  await under(async () => {
    await disk.fill(world.kafka!.pid);
    const gone = world.kafka!.exited;
    const ended = await Promise.race([gone, delay(60_000, undefined)]);
    if (ended === undefined) {
      // it serves reads of what it has and refuses to write; a supervisor would end it for that
      world.kafka!.kill('SIGKILL');
      await gone;
    }
    const since = Date.now();
    await until('the gate says that it waits', () => linesSince(gate, from, 'ATS_BROKER_UNREACHABLE').length > 0);
    expect(await (await gate.get('/health/ready')).text()).toContain('ATS_BROKER_UNREACHABLE');
    await delay(AWAY_MS - (Date.now() - since));
    isTold(from, 'ATS_BROKER_UNREACHABLE', 'Kafka answers again', 'away');
    disk.makeRoom();
    await world.startBroker();
  });
  isTold(from, 'ATS_BROKER_UNREACHABLE', 'Kafka answers again', 'back');
  expect(gate.pid).toBe(pid);
});

it('a stop under load ends what was begun and leaves no transaction open', async () => {
  await under(async (traffic) => {
    await traffic.more(60);
    const began = performance.now();
    expect(await gate.end('SIGTERM')).toBe(0);
    const seconds = (performance.now() - began) / 1000;
    const reader = new LogReader(world.client);
    expect(await reader.lastStable('audit-log', 0)).toBe(await reader.highWatermark('audit-log', 0));
    await reader.close();
    expect(seconds).toBeLessThan(5);
    await gate.start();
  });
});
