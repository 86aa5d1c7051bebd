import { setTimeout as delay } from 'node:timers/promises';
import { TOPICS } from '#libs/events';
import type { Verdict } from '#libs/verdict';
import { GateProcess } from '../../support/gate-process.js';
import type { BenchWorld } from './bench-world.js';
import type { Made } from './messages.js';
import { cpuOf, peakMiB, percentile, spent, type CpuTime } from './meter.js';

/** How many records a producer sends at once. */
const SEND = 250;
const POLL_MS = 100;
/** A row that takes longer is broken. */
const PATIENCE_MS = 240_000;

export interface GateRun {
  readonly recordsPerSecond: number;
  readonly records: number;
  readonly seconds: number;
  /** Of the gate's process. */
  readonly cpu: CpuTime;
  /** Of the broker's process in the same time. */
  readonly brokerCpu: CpuTime;
  /** Monotonic microseconds, as a CPU profile counts them. */
  readonly window: { readonly from: number; readonly to: number };
}

export interface Latency { readonly p50: number; readonly p99: number; readonly perSecond: number }

/** One gate's process on empty topics. */
export class GateUnderTest {
  readonly #expected = new Map<string, Verdict>();
  #sent = 0;

  private constructor(private readonly bench: BenchWorld, private readonly gate: GateProcess) {}

  static async start(bench: BenchWorld, env: Readonly<Record<string, string>>, { empty = true } = {}): Promise<GateUnderTest> {
    if (empty) await bench.emptyTopics();
    const gate = new GateProcess({ ...bench.gateEnv(), ...env });
    try {
      await gate.start();
      await gate.ready();
    } catch (error) {
      await gate.end('SIGKILL');
      throw error;
    }
    return new GateUnderTest(bench, gate);
  }

  get pid(): number {
    return this.gate.pid!;
  }

  /** Sends all at once and waits for the verdicts. The rate is by broker time: from the first record that came to the last audit entry. */
  async throughput(made: readonly Made[]): Promise<GateRun> {
    const cpu = [cpuOf(this.pid), cpuOf(this.bench.kafka.pid)] as const;
    const from = monotonicMicros();
    const places = new Set<string>();
    for (let at = 0; at < made.length; at += SEND) for (const place of await this.send(made.slice(at, at + SEND))) places.add(place);
    await this.judgedAll();
    const to = monotonicMicros();
    const after = [cpuOf(this.pid), cpuOf(this.bench.kafka.pid)] as const;
    const { first, last } = await this.times(places);
    const seconds = (last - first) / 1000;
    return { records: made.length, seconds, recordsPerSecond: made.length / seconds, cpu: spent(cpu[0], after[0]), brokerCpu: spent(cpu[1], after[1]), window: { from, to } };
  }

  /** Sends at a steady rate whatever the gate does. Latency is by broker time, from a record's to its verified event's. */
  async latency(made: readonly Made[], perSecond: number): Promise<Latency> {
    const places = new Set<string>();
    const sends: Promise<void>[] = [];
    const began = performance.now();
    for (let sent = 0; sent < made.length;) {
      const due = Math.min(made.length, Math.floor(((performance.now() - began) / 1000) * perSecond) + 1);
      const now = made.slice(sent, due);
      sent = due;
      if (now.length > 0) sends.push(this.send(now).then((sentTo) => { for (const place of sentTo) places.add(place); }));
      await delay(4);
    }
    await Promise.all(sends);
    await this.judgedAll();
    const added = await this.added(places);
    return { p50: percentile(added, 0.5), p99: percentile(added, 0.99), perSecond: Math.round(perSecond) };
  }

  /** Sends and returns the places. */
  async send(made: readonly Made[]): Promise<string[]> {
    this.#sent += made.length;
    const places = await this.bench.producer.send(made.map(({ record }) => record));
    return places.map(({ topic, partition, offset }, i) => {
      const place = `${topic}/${partition}/${offset}`;
      this.#expected.set(place, made[i]!.expected);
      return place;
    });
  }

  /** Resolves when the gate has counted a verdict on all that was sent. */
  async judgedAll(): Promise<void> {
    for (const deadline = performance.now() + PATIENCE_MS; (await this.gate.metric('attestream_gate_verdicts_total', { topic: 'telemetry' })) < this.#sent;) {
      if (performance.now() > deadline) throw new Error(`${this.#sent} records were sent, not all have a verdict after ${PATIENCE_MS} ms`);
      await delay(POLL_MS);
    }
  }

  /** Broker times of some records and of their audit entries. */
  private async times(places: ReadonlySet<string>): Promise<{ first: number; last: number }> {
    let [first, last] = [Infinity, 0];
    for await (const { value, timestamp } of this.bench.readAll('audit-log')) {
      const { topic, partition, offset, timestamp: came } = this.bench.codec.decode('audit-log', value);
      if (!places.has(`${topic}/${partition}/${offset}`)) continue;
      first = Math.min(first, came);
      last = Math.max(last, timestamp);
    }
    return { first, last };
  }

  /** Broker time of each verified event of these records minus the record's, milliseconds. */
  async added(places: ReadonlySet<string>): Promise<number[]> {
    const latencies: number[] = [];
    for await (const { value, timestamp } of this.bench.readAll('telemetry.verified')) {
      const { source } = this.bench.codec.decode('telemetry.verified', value);
      if (places.has(`${source.topic}/${source.partition}/${source.offset}`)) latencies.push(timestamp - source.timestamp);
    }
    return latencies;
  }

  /**
   * Holds what the topics hold against what was sent: one audit entry a message, with the verdict that it must get, and one event where it belongs.
   * @throws Error naming the first difference
   */
  async check(): Promise<void> {
    const found = new Map<string, Verdict>();
    for await (const { value } of this.bench.readAll('audit-log')) {
      const { topic, partition, offset, verdict } = this.bench.codec.decode('audit-log', value);
      if (topic !== 'telemetry') continue;
      const place = `${topic}/${partition}/${offset}`;
      if (found.has(place)) throw new Error(`${place} has two verdicts`);
      found.set(place, verdict);
    }
    for (const [place, verdict] of this.#expected) if (found.get(place) !== verdict) throw new Error(`${place} is ${found.get(place)}, not ${verdict}`);
    if (found.size !== this.#sent) throw new Error(`${found.size} verdicts on ${this.#sent} records`);
    const verified = [...found.values()].filter((verdict) => verdict === 'VERIFIED').length;
    const counts = { 'telemetry.verified': verified, rejected: found.size - verified } as const;
    for (const [topic, count] of Object.entries(counts)) {
      let records = 0;
      for await (const _ of this.bench.readAll(topic as keyof typeof TOPICS)) records++;
      if (records !== count) throw new Error(`${topic} has ${records} events, not ${count}`);
    }
  }

  /** Ends it as an operator would; what it had resident at most, MiB. */
  async stop(): Promise<number> {
    const peak = peakMiB(this.pid);
    await this.gate.end('SIGTERM');
    return peak;
  }
}

function monotonicMicros(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
