import { setTimeout as delay } from 'node:timers/promises';
import type { Verdict } from '#libs/verdict';
import type { BenchWorld } from './bench-world.js';
import { Inspector } from './inspector.js';
import type { Made } from './messages.js';
import { cpuOf, percentile, spent, type CpuTime } from './meter.js';
import { sharesOf, type Shares } from './profile.js';

/** How many records the producer sends at once. */
const SEND = 250;
const POLL_MS = 100;
/** How long a producer gathers records under a steady load. Latency counts from the broker's time of arrival. */
const LINGER_MS = 20;
/** A row that takes longer is broken. */
const PATIENCE_MS = 240_000;

/** The process that judges: the gate, or what it is compared with. */
export interface Contender {
  readonly pid: number;
  readonly stderr: string;
  /** What it said last. */
  readonly said: string;
  /** How many telemetry records have a verdict by now. */
  judged(): Promise<number>;
  /** What it decided, from the topics. */
  decisions(options?: { settled: boolean }): AsyncIterable<Decision>;
}

export interface Decision {
  readonly place: string;
  readonly partition: number;
  readonly verdict: Verdict;
  /** Broker times of the record, and of what says its verdict. */
  readonly came: number;
  readonly decided: number;
}

export interface Throughput {
  readonly records: number;
  readonly seconds: number;
  readonly recordsPerSecond: number;
  /** Of the contender's process, and of the broker's in the same time. */
  readonly cpu: CpuTime;
  readonly brokerCpu: CpuTime;
}

export interface Latency { readonly p50: number; readonly p99: number; readonly perSecond: number }

/** Sends to a contender and measures what it does. */
export class Bout {
  readonly #expected = new Map<string, Verdict>();
  #sent = 0;

  constructor(private readonly bench: BenchWorld, readonly contender: Contender) {}

  /** Sends all at once and waits for the verdicts. The rate is by broker time: from the first record that came to the last verdict. */
  async throughput(made: readonly Made[]): Promise<Throughput> {
    const pids = [this.contender.pid, this.bench.kafka.pid];
    const before = pids.map(cpuOf);
    const places = await this.#sendAll(made);
    await this.judgedAll();
    const [cpu, brokerCpu] = pids.map((pid, i) => spent(before[i]!, cpuOf(pid))) as [CpuTime, CpuTime];
    const decisions = await this.decisions(places);
    const seconds = (Math.max(...decisions.map(({ decided }) => decided)) - Math.min(...decisions.map(({ came }) => came))) / 1000;
    return { records: made.length, seconds, recordsPerSecond: made.length / seconds, cpu, brokerCpu };
  }

  /**
   * Sends at a steady rate whatever the contender does. Latency is by broker time, from a record's to its verdict's. The first seconds are left out: there the
   * contender and the broker's JIT still work off the change of load.
   */
  async latency(made: readonly Made[], perSecond: number, unmeasuredSeconds: number): Promise<Latency> {
    const places = await this.steady(made, perSecond);
    await this.judgedAll();
    const decisions = await this.decisions(places);
    const from = Math.min(...decisions.map(({ came }) => came)) + 1000 * unmeasuredSeconds;
    const added = decisions.filter(({ came }) => came >= from).map(({ came, decided }) => decided - came);
    return { p50: percentile(added, 0.5), p99: percentile(added, 0.99), perSecond: Math.round(perSecond) };
  }

  /** Where the main thread's time goes under full load. */
  async profile(made: readonly Made[]): Promise<Shares> {
    const inspector = await Inspector.connect(this.contender.stderr);
    try {
      return sharesOf(await inspector.profile(async () => {
        await this.#sendAll(made);
        await this.judgedAll();
      }));
    } finally {
      inspector.close();
    }
  }

  /** Open loop: each record goes when its time has come. Resolves with the places when all were taken. */
  async steady(made: readonly Made[], perSecond: number): Promise<Set<string>> {
    const places = new Set<string>();
    const sends: Promise<void>[] = [];
    const began = performance.now();
    for (let sent = 0; sent < made.length;) {
      const due = Math.min(made.length, Math.floor(((performance.now() - began) / 1000) * perSecond) + 1);
      const now = made.slice(sent, due);
      sent = due;
      if (now.length > 0) sends.push(this.#send(now).then((sentTo) => { for (const place of sentTo) places.add(place); }));
      await delay(LINGER_MS);
    }
    await Promise.all(sends);
    return places;
  }

  /** Resolves when there is a verdict on all that was sent. */
  async judgedAll(): Promise<void> {
    for (const deadline = performance.now() + PATIENCE_MS; (await this.contender.judged()) < this.#sent;) {
      if (performance.now() > deadline) throw new Error(`${this.#sent} records were sent, not all have a verdict after ${PATIENCE_MS} ms; ${this.contender.said}`);
      await delay(POLL_MS);
    }
  }

  /** The decisions on these records, once there is one on each, or those that there are by then. */
  async decided(places: ReadonlySet<string>, milliseconds: number): Promise<Decision[]> {
    for (const deadline = performance.now() + milliseconds; ; await delay(1000)) {
      const found = await this.decisions(places, { settled: false });
      if (found.length === places.size || performance.now() > deadline) return found;
    }
  }

  async decisions(places: ReadonlySet<string>, options?: { settled: boolean }): Promise<Decision[]> {
    const found: Decision[] = [];
    for await (const decision of this.contender.decisions(options)) if (places.has(decision.place)) found.push(decision);
    return found;
  }

  /**
   * Holds what the topics hold against what was sent: one verdict a message, the one that it must get, and nothing else.
   * @throws Error naming the first difference
   */
  async check(): Promise<void> {
    const found = new Map<string, Verdict>();
    for await (const { place, verdict } of this.contender.decisions()) {
      if (found.has(place)) throw new Error(`${place} has two verdicts`);
      found.set(place, verdict);
    }
    for (const [place, verdict] of this.#expected) if (found.get(place) !== verdict) throw new Error(`${place} is ${found.get(place)}, not ${verdict}`);
    if (found.size !== this.#sent) throw new Error(`${found.size} verdicts on ${this.#sent} records`);
  }

  async #sendAll(made: readonly Made[]): Promise<Set<string>> {
    const places = new Set<string>();
    for (let at = 0; at < made.length; at += SEND) for (const place of await this.#send(made.slice(at, at + SEND))) places.add(place);
    return places;
  }

  async #send(made: readonly Made[]): Promise<string[]> {
    this.#sent += made.length;
    const places = await this.bench.producer.send(made.map(({ record }) => record));
    return places.map(({ topic, partition, offset }, i) => {
      const place = `${topic}/${partition}/${offset}`;
      this.#expected.set(place, made[i]!.expected);
      return place;
    });
  }
}
