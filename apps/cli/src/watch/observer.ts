import { setTimeout as delay } from 'node:timers/promises';
import { isAtsError } from '#libs/errors';
import type { IcingaClient, ServiceView } from '#libs/icinga';
import { LogReader } from '#libs/stream';
import type { Stack } from '../setup/bring-up.js';
import { latencyOf, readMetrics, sampleOf } from './app-metrics.js';
import { countStates, icingaViewer } from './icinga-states.js';
import type { Latency, LogFigures, Snapshot } from './frame.js';
import { Tally } from './tally.js';

const POLL_MS = 1_000;

/** Histogram of icinga-sink: from the source record's broker timestamp to Icinga2's acceptance. */
const PRODUCE_TO_ICINGA = 'attestream_sink_produce_to_icinga_seconds';

/** Looks at the running system from outside: the topics, Icinga2's API, the apps' health. */
export class Observer {
  /** When starting everything began, milliseconds since the Unix epoch: whatever is older comes from an earlier run. */
  readonly startedAt: number;
  readonly tally: Tally;
  readonly icinga: IcingaClient;
  #services: readonly ServiceView[] | undefined;
  #latency: Latency | undefined;
  #log: LogFigures | undefined;
  #chainBlocks = 0;
  #waiting: ReadonlyMap<string, string> = new Map();

  constructor(private readonly stack: Stack) {
    this.startedAt = Date.now() - (performance.now() - stack.startedAt);
    this.tally = new Tally(stack.kafka, stack.codec, this.startedAt);
    this.icinga = icingaViewer(stack.icinga);
  }

  /** Looks about once a second until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const reader = new LogReader(this.stack.kafka);
    try {
      await Promise.all([this.tally.run(signal), this.#poll(reader, signal)]);
    } finally {
      await Promise.all([reader.close(), this.icinga.close()]);
    }
  }

  /** As of the last look; undefined while Icinga2 does not answer. */
  services(): readonly ServiceView[] | undefined {
    return this.#services;
  }

  latency(): Latency | undefined {
    return this.#latency;
  }

  /** As of the last answer of chain-anchor. */
  log(): LogFigures | undefined {
    return this.#log;
  }

  snapshot(messages: readonly string[]): Snapshot {
    return {
      seconds: (performance.now() - this.stack.startedAt) / 1_000,
      totals: this.tally.totals(),
      chainBlocks: this.#chainBlocks,
      states: this.#services && countStates(this.#services),
      latency: this.#latency,
      log: this.#log,
      parts: this.stack.supervisor.status(),
      waiting: this.#waiting,
      messages,
    };
  }

  async #poll(reader: LogReader, signal: AbortSignal): Promise<void> {
    const { ports } = this.stack.layout;
    while (!signal.aborted) {
      const [services, sink, anchor, blocks, waiting] = await Promise.all([
        orUndefined(this.icinga.services()),
        readMetrics(ports.icingaSink),
        readMetrics(ports.chainAnchor),
        orUndefined(reader.highWatermark('chain-events', 0)),
        this.#askReadiness(),
      ]);
      this.#services = services;
      this.#latency = (sink === undefined ? undefined : latencyOf(sink, PRODUCE_TO_ICINGA)) ?? this.#latency;
      this.#log = (anchor === undefined ? undefined : logFigures(anchor)) ?? this.#log;
      this.#chainBlocks = blocks === undefined ? this.#chainBlocks : Number(blocks);
      this.#waiting = waiting;
      await delay(POLL_MS, undefined, { signal }).catch(() => undefined); // only an abort ends the wait early
    }
  }

  async #askReadiness(): Promise<ReadonlyMap<string, string>> {
    const { layout } = this.stack;
    const { ports } = layout;
    const apps: [string, number][] = [
      ['chain-indexer', ports.chainIndexer], ['proof-gate', ports.proofGate], ['icinga-sink', ports.icingaSink], ['chain-anchor', ports.chainAnchor],
      ...ports.edgeAgents.map((port, i): [string, number] => [`edge-agent-${layout.households[i]}`, port]),
    ];
    const answers = await Promise.all(apps.map(async ([name, port]) => [name, await waitsFor(port)] as const));
    return new Map(answers.filter((answer): answer is [string, string] => answer[1] !== undefined));
  }
}

function logFigures(metrics: string): LogFigures | undefined {
  const [size, published, anchored] = ['size', 'published_size', 'finalized_size'].map((name) => sampleOf(metrics, `attestream_log_${name}`));
  if (size === undefined || published === undefined || anchored === undefined) return undefined;
  return { size, published, anchored, timeToAnchor: latencyOf(metrics, 'attestream_produce_to_anchor_seconds') };
}

/** What an app waits for, in its own words; undefined when it is ready or does not answer. */
async function waitsFor(port: number): Promise<string | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health/ready`, { signal: AbortSignal.timeout(2_000) });
    const { waitingFor } = (await response.json()) as { waitingFor?: Record<string, string> };
    const reasons = Object.values(waitingFor ?? {});
    return reasons.length > 0 ? reasons.join(', ') : undefined;
  } catch {
    return undefined; // it is down, which the supervisor shows
  }
}

/** A part that is away is shown as such; it is no reason to stop looking. Anything else is. */
async function orUndefined<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isAtsError(error)) return undefined;
    throw error;
  }
}
