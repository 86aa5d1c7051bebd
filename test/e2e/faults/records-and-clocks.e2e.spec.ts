import { fileURLToPath } from 'node:url';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { TOPICS, type OutgoingRecord } from '#libs/events';
import { LogReader, type SentRecord } from '#libs/stream';
import type { GateProcess } from '../../support/gate-process.js';
import { KafkaClock } from '../../support/faults/kafka-clock.js';
import { mutated } from '../../support/faults/mutations.js';
import { placeOf } from '../../support/faults/verdicts.js';
import { FaultWorld } from '../../support/faults/world.js';

/** What producers may send and clocks may say. A verdict is a function of the records, whatever the bytes, and of the broker's clock, however wrong. */

jest.setTimeout(300_000);

const SEED = 'records and clocks';
const ACCEPT_SECONDS = 1800;
const SENT_TOGETHER = 40;
const HOUR_MS = 3_600_000;
const SHIFTED_CLOCK = fileURLToPath(new URL('../../support/faults/shifted-clock.mjs', import.meta.url));

const clockDir = mkdtempSync(join(tmpdir(), 'attestream-clock-'));
let clock: KafkaClock;
let world: FaultWorld;
let gate: GateProcess;
let household = 0;
const poison: SentRecord[] = [];

beforeAll(async () => {
  clock = await KafkaClock.make(clockDir);
  world = await FaultWorld.start({
    seed: SEED, chain: 'made-up', startKafka: clock.startKafka, epochSeconds: 1, acceptSeconds: ACCEPT_SECONDS,
    before: async ({ producer }) => { poison.push(...await producer.send(poisonFor())); },
  });
}, 180_000);
afterAll(async () => {
  await world?.stop();
  rmSync(clockDir, { recursive: true, force: true });
}, 60_000);

/** The first of every source partition, before anything else is there. */
function poisonFor(): OutgoingRecord[] {
  const header = { toString: Buffer.from('x'), ['__proto__']: Buffer.from('y'), '': Buffer.alloc(0) };
  const kinds: Pick<OutgoingRecord, 'key' | 'value' | 'headers'>[] = [
    { key: null, value: null as unknown as Buffer, headers: {} },
    { key: Buffer.alloc(0), value: Buffer.alloc(65_000, 0xff), headers: header },
    // an array of as many blocks as its length may claim
    { key: Buffer.from('k'), value: Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), Buffer.alloc(40, 0xfe), Buffer.alloc(9000)]), headers: {} },
    { key: Buffer.from('k'), value: Buffer.alloc(0), headers: Object.fromEntries(Array.from({ length: 9000 }, (_, i) => [`${i}`, Buffer.alloc(0)])) },
  ];
  return (['telemetry', 'bci-intent', 'chain-events'] as const).flatMap((topic) => Array.from({ length: TOPICS[topic].partitions }, (_, partition) => ({ topic, partition, ...kinds[partition % kinds.length]! })));
}

const next = (partition?: number): number => {
  do household++; while (partition !== undefined && world.messages.partitionOf(household) !== partition);
  return household;
};
const good = (change: { epoch?: number; household?: number } = {}) => {
  const record = world.messages.telemetry({ household: next(), ...change });
  return { ...record, partition: world.messages.partitionOf(change.household ?? household) };
};

async function verdictsOf(records: readonly OutgoingRecord[]): Promise<string[]> {
  const places: SentRecord[] = [];
  // the producer counts a header's list short by a few bytes: batches stay well below their limit
  for (let i = 0; i < records.length; i += SENT_TOGETHER) places.push(...await world.producer.send(records.slice(i, i + SENT_TOGETHER)));
  return await world.verdicts(places);
}

it('poison that stands first in every partition gets its verdict and holds up nothing behind it', async () => {
  await world.producer.send(poisonFor().filter(({ topic }) => topic !== 'chain-events')); // once more, where a parameter set is in force
  gate = world.gate();
  await gate.start();
  const behind = [0, 1, 2, 3].map((partition) => good({ household: next(partition) }));
  expect(await verdictsOf(behind)).toEqual(behind.map(() => 'VERIFIED'));
  const { faults, verdicts } = await world.holds();
  expect(faults).toEqual([]);
  expect(poison.filter(({ offset }) => offset !== 0n)).toEqual([]);
  expect(poison.filter((place) => !['MALFORMED', 'PARAMETERS_UNKNOWN'].includes(verdicts.get(placeOf(place))!))).toEqual([]);
  await gate.ready();
});

it('each of 10,000 mutated records gets one verdict, the one that its bytes have by the rules, and the gate neither falls nor stops', async () => {
  const { pid } = gate;
  const [used, unused] = [Array.from({ length: 100 }, () => good()), Array.from({ length: 60 }, () => good())];
  expect(new Set(await verdictsOf(used))).toEqual(new Set(['VERIFIED']));
  const records = [...mutated(world.messages, { used, unused }, 5, 10_000)];
  const verdicts = await verdictsOf(records);
  // they do reach every check that a record alone can fail
  expect([...new Set(verdicts)]).toEqual(expect.arrayContaining(['FIELD_NOT_CANONICAL', 'KEY_MISMATCH', 'MALFORMED', 'NULLIFIER_SEEN', 'PARTITION_MISMATCH', 'POLICY_UNKNOWN', 'PROOF_INVALID', 'ROOT_UNKNOWN', 'SCHEMA_UNKNOWN', 'STATEMENT_UNKNOWN']));
  const behind = [0, 1, 2, 3].map((partition) => good({ household: next(partition) }));
  expect(await verdictsOf(behind)).toEqual(behind.map(() => 'VERIFIED'));
  expect([(await world.holds()).faults, gate.pid, gate.stderr]).toEqual([[], pid, '']);
});

it('a gate whose own clock is an hour ahead or behind gives the verdicts of one whose clock is right', async () => {
  const byTheClock = async (shift: number): Promise<unknown[]> => {
    if (shift !== 0) {
      await gate.end('SIGTERM');
      gate = world.gate({ NODE_OPTIONS: `--import=${SHIFTED_CLOCK}`, TEST_CLOCK_SHIFT_MS: String(shift) });
      await gate.start();
      await gate.ready();
      const { time } = await gate.line('health and metrics answer');
      expect(Math.abs(Date.parse(String(time)) - Date.now() - shift)).toBeLessThan(HOUR_MS / 2);
    }
    const epoch = world.messages.lastEpoch();
    // of now, of half an hour ago and before, of soon and of in an hour: each would change sides with the clock
    const records = [0, 30, 1700, 1900, 3600, -60, -3600].map((age) => good({ epoch: epoch - age }));
    const verdicts = await verdictsOf([...records, { ...records[0]! }]);
    const late = new Map<string, boolean>();
    const reader = new LogReader(world.client);
    for (let partition = 0; partition < TOPICS['telemetry.verified'].partitions; partition++) {
      for await (const { value } of reader.readAll('telemetry.verified', partition, 0n)) {
        const event = world.codec.decode('telemetry.verified', value);
        late.set(event.pseudonym.toString('hex'), event.late);
      }
    }
    await reader.close();
    return [...verdicts, ...records.map(({ key }) => late.get(key.toString('hex')))];
  };
  const right = await byTheClock(0);
  expect(right.slice(0, 8)).toEqual(['VERIFIED', 'VERIFIED', 'VERIFIED', 'EPOCH_STALE', 'EPOCH_STALE', 'EPOCH_FUTURE', 'EPOCH_FUTURE', 'NULLIFIER_SEEN']);
  expect(right.slice(8, 11)).toEqual([false, false, true]);
  expect(await byTheClock(HOUR_MS)).toEqual(right);
  expect(await byTheClock(-HOUR_MS)).toEqual(right);
});

it('a broker\'s clock that steps back takes no partition\'s clock with it, nor does a gate forget that it was ahead', async () => {
  await gate.end('SIGTERM');
  gate = world.gate();
  await gate.start();
  const partition = 2;
  const said = (epoch: number) => good({ household: next(partition), epoch });
  const last = () => world.messages.lastEpoch();
  const before = said(last());
  expect(await verdictsOf([before])).toEqual(['VERIFIED']);
  const highest = Math.floor((await clocksOf(partition)).verified.at(-1)! / 1000);
  // as far back as there are blocks to judge by: a slow machine takes longer, and its chain is older
  const stepSeconds = Math.min(600, Math.floor((Date.now() - world.madeUp!.projection.block(0)!.timestampMs) / 1000) - 5);
  expect(stepSeconds).toBeGreaterThan(5);
  clock.step(-stepSeconds * 1000);
  // By the broker's clock, the windows of the first two have hardly begun or not at all, and that of the third was not over for too long.
  const judged = () => verdictsOf([said(highest), said(highest + 1), said(highest - ACCEPT_SECONDS - 4), { ...before }, said(highest + 20 * stepSeconds)]);
  const byTheHighest = ['VERIFIED', 'VERIFIED', 'EPOCH_STALE', 'NULLIFIER_SEEN', 'EPOCH_FUTURE'];
  expect(await judged()).toEqual(byTheHighest);

  await gate.end('SIGKILL');
  await gate.start();
  expect(await judged()).toEqual(byTheHighest);

  clock.step(0);
  expect(await verdictsOf([said(last()), { ...before }])).toEqual(['VERIFIED', 'NULLIFIER_SEEN']);
  const { sources, verified } = await clocksOf(partition);
  expect([falls(sources, stepSeconds * 500), falls(verified)]).toEqual([true, false]);
  expect((await world.holds()).faults).toEqual([]);
});

/** Broker times of a partition's records, and the partition's clock after each that was verified. */
async function clocksOf(partition: number): Promise<{ sources: number[]; verified: number[] }> {
  const reader = new LogReader(world.client);
  const [sources, verified]: [number[], number[]] = [[], []];
  for await (const { timestamp } of reader.readAll('telemetry', partition, 0n)) sources.push(timestamp);
  for await (const { value } of reader.readAll('telemetry.verified', partition, 0n)) verified.push(world.codec.decode('telemetry.verified', value).partitionClock);
  await reader.close();
  return { sources, verified };
}

function falls(times: readonly number[], byMoreThan = 0): boolean {
  return times.some((time, i) => i > 0 && time < times[i - 1]! - byMoreThan);
}
