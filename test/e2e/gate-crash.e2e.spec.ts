import { setTimeout as delay } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { recordHash, TOPICS, type KafkaRecord, type OutgoingRecord } from '#libs/events';
import type { SentRecord } from '#libs/stream';
import { GateWorld, placeOf } from '../support/gate-world.js';

/** Ten SIGKILLs of the gate in the middle of traffic, then outages of what it depends on. Every record of every source has exactly one verdict. */

const KILLS = 10;

jest.setTimeout(600_000);

let world: GateWorld;
let household = 0;
/** What was sent where, and the verdict that it must have. */
const sent: { place: SentRecord; verdict: string }[] = [];

beforeAll(async () => { world = await GateWorld.start(); }, 180_000);
afterAll(async () => { await world?.stop(); }, 60_000);

/** Good messages, byte-identical resends of earlier ones, changed messages, garbage; about 3 each 400 ms. */
async function traffic(signal: AbortSignal): Promise<void> {
  const good: OutgoingRecord[] = [];
  for (let turn = 0; !signal.aborted; turn++) {
    const first = world.message({ household: ++household });
    good.push(first);
    const batch: [OutgoingRecord, string][] = [[first, 'VERIFIED'], [{ ...good[(turn * 7) % good.length]! }, 'NULLIFIER_SEEN']];
    if (turn % 3 === 0) batch.push([{ ...world.message({ household: ++household }), headers: {} }, 'PROOF_INVALID']);
    if (turn % 3 === 1) batch.push([{ ...first, value: Buffer.from(`garbage ${turn}`) }, 'MALFORMED']);
    const places = await world.send(...batch.map(([record]) => record));
    places.forEach((place, i) => sent.push({ place, verdict: batch[i]![1] }));
    await delay(400, undefined, { signal }).catch(() => undefined);
  }
}

async function sources(): Promise<Map<string, KafkaRecord>> {
  const all = new Map<string, KafkaRecord>();
  for (const topic of ['telemetry', 'bci-intent', 'chain-events'] as const) {
    for (let partition = 0; partition < TOPICS[topic].partitions; partition++) {
      for await (const record of world.reader.readAll(topic, partition, 0n)) all.set(placeOf(record), record);
    }
  }
  return all;
}

/** Holds sources, audit entries, verified and rejected events against each other: by count, by identity, in order. */
async function expectOneVerdictEach(): Promise<void> {
  await world.chain.pause();
  const records = await sources();
  await world.verdicts([...records.values()]);
  const audit = (await world.events('audit-log')).map(({ event }) => event);
  expect(audit.length).toBe(records.size);
  expect(new Set(audit.map(placeOf))).toEqual(new Set(records.keys()));
  expect(audit.filter((entry) => !entry.hash.equals(recordHash(records.get(placeOf(entry))!)))).toEqual([]);
  const lastOffset = new Map<string, number>();
  for (const { topic, partition, offset } of audit) {
    expect(offset).toBe((lastOffset.get(`${topic}/${partition}`) ?? -1) + 1);
    lastOffset.set(`${topic}/${partition}`, offset);
  }
  const verdicts = new Map(audit.map((entry) => [placeOf(entry), entry.verdict]));
  expect(sent.filter(({ place, verdict }) => verdicts.get(placeOf(place)) !== verdict)).toEqual([]);

  const verified = await world.events('telemetry.verified');
  const placesWith = (holds: (verdict: string) => boolean) => [...verdicts].filter(([, verdict]) => holds(verdict)).map(([place]) => place).sort();
  expect(verified.map(({ event }) => placeOf(event.source)).sort()).toEqual(placesWith((verdict) => verdict === 'VERIFIED'));
  expect(new Set(verified.map(({ event }) => event.nullifier.toString('hex'))).size).toBe(verified.length);
  expect(verified.every(({ event, record }) => event.source.partition === record.partition)).toBe(true);
  const rejected = await world.events('rejected');
  expect(rejected.map(({ event }) => placeOf(event.source)).sort()).toEqual(placesWith((verdict) => verdict !== 'VERIFIED' && verdict !== 'RECORDED'));
  world.chain.resume();
}

it(`${KILLS} SIGKILLs in the middle of traffic: every record has exactly one verdict, and the right one`, async () => {
  const end = new AbortController();
  const running = traffic(end.signal);
  for (let kill = 0; kill < KILLS; kill++) {
    await world.gate.line('judges');
    await delay(Math.random() * 2500);
    await world.gate.end('SIGKILL');
    await world.gate.start();
  }
  await world.gate.ready();
  end.abort();
  await running;
  await world.verdicts(sent.map(({ place }) => place), 180_000);
  await expectOneVerdictEach();
  expect(sent.length).toBeGreaterThan(10 * KILLS);
});

it('a broker that goes away is one line, and the same gate goes on when it is back', async () => {
  const pid = world.gate.pid;
  await world.chain.pause();
  const before = world.gate.lines.length;
  await world.kafka.stop();
  await world.gate.line('ATS_BROKER_UNREACHABLE');
  expect((await world.gate.get('/health/ready')).status).toBe(503);
  await world.startBroker();
  world.chain.resume();
  const message = world.message({ household: ++household });
  const [place] = await world.send(message);
  sent.push({ place: place!, verdict: 'VERIFIED' });
  expect(await world.verdicts([place!], 120_000)).toEqual(['VERIFIED']);
  expect(world.gate.lines.slice(before).filter(({ msg }) => msg.startsWith('ATS_BROKER_UNREACHABLE'))).toHaveLength(1);
  expect(world.gate.pid).toBe(pid);
  await expectOneVerdictEach();
});

it('a gate that starts without registry and broker says so, each in one line, and begins when they come', async () => {
  await world.gate.end('SIGTERM');
  await world.chain.pause();
  const [place] = await world.send(world.message({ household: ++household }));
  sent.push({ place: place!, verdict: 'VERIFIED' });
  await Promise.all([world.registry.stop(), world.kafka.stop()]);
  await world.gate.start();
  await world.gate.line('ATS_REGISTRY_UNREACHABLE');
  await world.startRegistry();
  await world.gate.line('ATS_BROKER_UNREACHABLE');
  expect((await world.gate.get('/health/ready')).status).toBe(503);
  await world.startBroker();
  world.chain.resume();
  expect(await world.verdicts([place!], 120_000)).toEqual(['VERIFIED']);
  await world.gate.ready();
  await expectOneVerdictEach();
});
