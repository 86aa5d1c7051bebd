import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../support/gate-until.js';
import { cpuMicrosOf } from './measure.js';
import { plainRound } from './plain-client.js';
import { nameOf, SERVICES, type SinkBenchWorld } from './world.js';

/** How fast Icinga2 took results by its own count, and the CPU time that each cost in every process, microseconds. */
export interface Row {
  readonly sender: 'plain' | 'sink';
  readonly results: number;
  readonly perSecond: number;
  readonly cpuMicros: Readonly<Record<'icinga2' | 'sender' | 'broker', number>>;
}

const PATIENCE_MS = 180_000;
const SEND_TICK_MS = 20;
/** Looking at the sink's metrics costs it a few milliseconds. */
const LOOK_MS = 500;

export async function plainRow(world: SinkBenchWorld, { connections, depth, seconds }: { connections: number; depth: number; seconds: number }): Promise<Row> {
  const { pid } = world.inner.icinga;
  const before = { results: await world.observer.passiveResults(), cpu: cpuMicrosOf(pid) };
  const { accepted, perSecond, clientMicros } = await plainRound({ port: world.port, ca: world.ca, credentials: world.sinkCredentials, services: world.services, connections, depth, seconds });
  const cpu = cpuMicrosOf(pid) - before.cpu;
  const results = await world.observer.passiveResults() - before.results;
  // Its own count has the last word on what was accepted.
  return { sender: 'plain', results, perSecond: Math.round((perSecond * results) / accepted), cpuMicros: { icinga2: Math.round(cpu / results), sender: Math.round(clientMicros), broker: 0 } };
}

/** A backlog of whole rounds, met by a sink that starts; between a fifth and nineteen twentieths of it. */
export async function sinkRow(world: SinkBenchWorld, events: number, env: Record<string, string> = {}): Promise<Row> {
  const { inner } = world;
  await inner.endSink('SIGTERM');
  const rounds = Math.max(3, Math.ceil(events / SERVICES));
  for (let i = 0; i < rounds; i++) await inner.producer.send(world.verifiedRound());
  await inner.startSink(env);
  const state = async () => ({
    at: performance.now(), results: await world.observer.passiveResults(),
    icinga2: cpuMicrosOf(inner.icinga.pid), sender: cpuMicrosOf(inner.sinkPid!), broker: cpuMicrosOf(inner.kafka.pid),
  });
  await handled(world, 0.2 * rounds * SERVICES);
  const from = await state();
  await handled(world, 0.95 * rounds * SERVICES);
  const to = await state();
  await inner.drained();
  const results = to.results - from.results;
  const each = (part: 'icinga2' | 'sender' | 'broker') => Math.round((to[part] - from[part]) / results);
  return { sender: 'sink', results, perSecond: Math.round((1_000 * results) / (to.at - from.at)), cpuMicros: { icinga2: each('icinga2'), sender: each('sender'), broker: each('broker') } };
}

/** Events that the sink is done with: submitted, or skipped, as those that were no longer fresh. */
async function handledBy(inner: SinkBenchWorld['inner']): Promise<number> {
  return await inner.metric('attestream_sink_results_total') + await inner.metric('attestream_sink_skipped_total');
}

async function handled({ inner }: SinkBenchWorld, count: number): Promise<void> {
  let done = 0;
  for (const deadline = performance.now() + PATIENCE_MS; (done = await handledBy(inner)) < count; await delay(LOOK_MS)) {
    if (performance.now() > deadline) throw new Error(`the sink is done with ${done} of ${Math.ceil(count)} events after ${PATIENCE_MS / 1_000} s`);
  }
}

/** Creation of all services by a sink that has an event for each. Seconds. */
export async function creationSeconds(world: SinkBenchWorld): Promise<number> {
  await world.inner.producer.send(world.verifiedRound());
  await world.inner.startSink();
  const began = performance.now();
  await handled(world, SERVICES);
  return (performance.now() - began) / 1_000;
}

/** From the kill of an Icinga2 that has every service until each shows its newest state again, its own start included. Seconds. */
export async function recoverySeconds(world: SinkBenchWorld): Promise<number> {
  const { inner } = world;
  const { epoch } = world;
  await inner.producer.send(world.verifiedRound());
  await inner.drained();
  const began = performance.now();
  await inner.crashIcinga();
  await inner.startIcinga();
  const isBack = async () => (await inner.viewer.services()).filter(({ active, performanceData }) => !active && performanceData.includes(`epoch=${epoch}`)).length === SERVICES;
  await until('the newest state of every service', isBack, PATIENCE_MS);
  return (performance.now() - began) / 1_000;
}

export interface EndToEnd {
  /** Of the whole path with a backlog before the gate, results a second. */
  readonly fullPerSecond: number;
  readonly halfPerSecond: number;
  readonly messages: number;
  /** Messages whose result Icinga2 did not tell of. */
  readonly missing: number;
  /** Until Icinga2 took the result, by its own clock: from the time at which the message was due, and from the broker's acknowledgement. */
  readonly latencyMs: { readonly fromDue: Quantiles; readonly fromAcknowledged: Quantiles };
}
type Quantiles = Readonly<Record<'p50' | 'p99' | 'most', number>>;

/** From telemetry through the gate and the sink: first a backlog, which says what the path takes; then half of that, due at even times whatever is behind. */
export async function endToEnd(world: SinkBenchWorld, { backlogRounds, seconds }: { backlogRounds: number; seconds: number }): Promise<EndToEnd> {
  const { inner } = world;
  const base = await handledBy(inner);
  const warmUp = world.messageRound();
  await inner.producer.send(warmUp);
  await handled(world, base + warmUp.length);
  const backlog = Array.from({ length: backlogRounds }, () => world.messageRound()).flat();
  const begun = base + warmUp.length;
  // From the first record sent to the last result: the stages share the machine, so a part in which the gate has already ended would flatter.
  const from = { at: performance.now(), results: await world.observer.passiveResults() };
  await inner.producer.send(backlog);
  await handled(world, begun + backlog.length);
  const fullPerSecond = (1_000 * (await world.observer.passiveResults() - from.results)) / (performance.now() - from.at);

  const halfPerSecond = fullPerSecond / 2;
  const rounds = Math.ceil((halfPerSecond * seconds) / SERVICES);
  const messages = Array.from({ length: rounds }, () => world.messageRound()).flat();
  const due = new Map<string, number>();
  const acknowledged = new Map<string, number>();
  const taken = new Map<string, number>();
  const watching = new AbortController();
  await world.observer.watch(({ host, service, epoch, takenAt }) => { taken.set(nameOf(host, service, epoch), takenAt); }, watching.signal);
  const began = Date.now();
  const sends: Promise<void>[] = [];
  for (let next = 0; next < messages.length; await delay(SEND_TICK_MS)) {
    const upTo = Math.min(messages.length, Math.floor(((Date.now() - began) / 1_000) * halfPerSecond) + 1);
    const part = messages.slice(next, upTo);
    part.forEach(({ name }, i) => due.set(name, began + ((next + i) / halfPerSecond) * 1_000));
    next = Math.max(next, upTo);
    if (part.length > 0) sends.push(inner.producer.send(part).then(() => part.forEach(({ name }) => acknowledged.set(name, Date.now()))));
  }
  await Promise.all(sends);
  await until('a result for every message', () => messages.every(({ name }) => taken.has(name)), 60_000).catch(() => undefined); // what is missing is counted
  watching.abort();
  const arrived = messages.filter(({ name }) => taken.has(name));
  const since = (times: Map<string, number>) => quantiles(arrived.map(({ name }) => Math.max(0, taken.get(name)! - times.get(name)!)));
  return {
    fullPerSecond: Math.round(fullPerSecond), halfPerSecond: Math.round(halfPerSecond), messages: messages.length, missing: messages.length - arrived.length,
    latencyMs: { fromDue: since(due), fromAcknowledged: since(acknowledged) },
  };
}

function quantiles(values: readonly number[]): Quantiles {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN);
  return { p50: at(0.5), p99: at(0.99), most: at(1) };
}
