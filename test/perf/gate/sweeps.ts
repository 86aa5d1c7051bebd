import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { TOPICS } from '#libs/events';
import type { BenchWorld } from './bench-world.js';
import { Bout } from './contender.js';
import type { FloodOrder } from './flood-worker.js';
import { Gate } from './gate.js';
import { honestMessages, withBad, type Made } from './messages.js';
import { percentile } from './meter.js';
import { seedVerified } from './seeded-window.js';
import { setPartitions } from './twelve-partitions.js';

/** A setting of the sweep and what the gate did. `window`: nullifiers that it remembered before the first message, over all partitions. */
export interface SweepRow {
  readonly badPct: number;
  /** Partitions that messages came in. Up to 4 they are some of the topic's 4; beyond, the topic has as many. */
  readonly partitions: number;
  readonly window: number;
  readonly recordsPerSecond: number;
  readonly recordsPerCpuSecond: number;
  /** kafka: through the gate's process. judge: rules and verifier alone, on a window too large to be written to a broker in a benchmark's time. */
  readonly through: 'kafka' | 'judge';
}

export interface Setting { readonly badPct: number; readonly partitions: number; readonly window: number }

export const SETTINGS: readonly Setting[] = [
  ...[0, 1, 10, 50].map((badPct) => ({ badPct, partitions: 4, window: 0 })),
  ...[1, 2, 12].map((partitions) => ({ badPct: 0, partitions, window: 0 })),
  ...[10_000, 100_000].map((window) => ({ badPct: 0, partitions: 4, window })),
];

const WARM_UP = 600;
/** How long a verdict that is late is waited for in the fairness rows. */
const LATE_MS = 15_000;

export async function sweepRow(bench: BenchWorld, setting: Setting, records: number, env: Readonly<Record<string, string>>): Promise<SweepRow> {
  const { badPct, partitions, window } = setting;
  const own = TOPICS.telemetry.partitions;
  const more = partitions > own;
  if (more) setPartitions(partitions);
  try {
    await bench.emptyTopics();
    if (more) await bench.publish();
    const chosen = (household: number) => bench.world.partitionOf(household) < partitions;
    const made = withBad(bench.world, honestMessages(bench.world, records, { chosen }), badPct);
    const warmUp = honestMessages(bench.world, WARM_UP, { chosen, firstHousehold: 1_000_000 });
    if (window > 0) await seedVerified(bench, window);
    const gate = await Gate.start(bench, more ? { ...env, BENCH_PARTITIONS: String(partitions) } : env, more ? { nodeOptions: `--import ${new URL('./twelve-partitions.ts', import.meta.url).href}` } : {});
    try {
      const bout = new Bout(bench, gate);
      await bout.throughput(warmUp);
      const run = await bout.throughput(made);
      await bout.check();
      return { ...setting, recordsPerSecond: Math.round(run.recordsPerSecond), recordsPerCpuSecond: Math.round(run.records / (run.cpu.process / 1e6)), through: 'kafka' };
    } finally {
      await gate.stop();
    }
  } finally {
    if (more) {
      setPartitions();
      await bench.emptyTopics();
      await bench.publish();
    }
  }
}

export interface FairnessRow {
  readonly flood: boolean;
  /** Bad records that the flooding household brought in, a second. */
  readonly floodPerSecond: number;
  readonly othersPerSecond: number;
  /** null: more than a hundredth had no verdict {@link LATE_MS} after the last was sent. */
  readonly othersP99Ms: number | null;
  /** Of those whose partition the flood shares, which come behind it in one order. */
  readonly sharingPerSecond: number;
  readonly sharingP99Ms: number | null;
}

/** Households at a steady load, first alone, then beside one that sends bad proofs as fast as the broker takes them. */
export async function fairness(bench: BenchWorld, env: Readonly<Record<string, string>>, { perSecond, seconds }: { perSecond: number; seconds: number }): Promise<FairnessRow[]> {
  await bench.emptyTopics();
  const { world } = bench;
  const others = honestMessages(world, Math.round(2 * perSecond * seconds));
  const flooding = world.partitionOf(2_000_000);
  const flood = floodOf(bench, 2_000_000);
  const gate = await Gate.start(bench, env);
  try {
    const bout = new Bout(bench, gate);
    await bout.throughput(honestMessages(world, WARM_UP, { firstHousehold: 1_000_000 }));
    const rows: FairnessRow[] = [];
    for (const flooded of [false, true]) {
      const part = others.splice(0, Math.round(perSecond * seconds));
      const sending = flooded ? await Flood.start(bench, flood) : undefined;
      const from = Date.now();
      const places = await bout.steady(part, perSecond);
      const until = Date.now();
      const floods = (await sending?.stop()) ?? 0;
      // Those that are late are waited for a while; the flood's own rest is not.
      const decisions = await bout.decided(places, LATE_MS);
      const row = (shares: boolean) => {
        const of = decisions.filter(({ partition }) => (partition === flooding) === shares);
        const sent = [...places].filter((place) => (place.split('/')[1] === String(flooding)) === shares).length;
        const p99 = percentile([...of.map(({ came, decided }) => decided - came), ...Array<number>(sent - of.length).fill(Infinity)], 0.99);
        const inTime = of.filter(({ decided }) => decided >= from && decided <= until).length;
        return { perSecond: Math.round(inTime / ((until - from) / 1000)), p99: Number.isFinite(p99) ? p99 : null };
      };
      const [all, sharing] = [row(false), row(true)];
      rows.push({
        flood: flooded, floodPerSecond: Math.round(floods / ((until - from) / 1000)), othersPerSecond: all.perSecond, othersP99Ms: all.p99,
        sharingPerSecond: sharing.perSecond, sharingP99Ms: sharing.p99,
      });
    }
    return rows;
  } finally {
    await gate.stop('SIGKILL');
  }
}

/** The process of flood-worker.ts. */
class Flood {
  private constructor(private readonly child: ChildProcess) {}

  /** Resolves when the first records have been taken. */
  static async start(bench: BenchWorld, made: readonly Made[]): Promise<Flood> {
    const child = fork(fileURLToPath(new URL('./flood-worker.ts', import.meta.url)), { serialization: 'advanced' });
    const order: FloodOrder = { brokers: [bench.kafka.brokers], records: made.map(({ record }) => record) };
    child.send(order);
    await once(child, 'message');
    return new Flood(child);
  }

  /** Resolves with how many records were sent. */
  async stop(): Promise<number> {
    this.child.send('stop');
    const [sent] = await once(this.child, 'message') as [number];
    return sent;
  }
}

/** Proofs that are proofs, of nothing that the household says: the dearest for a verifier. */
function floodOf({ world }: BenchWorld, household: number): Made[] {
  const proof = world.telemetry({ household }).value.subarray(-256);
  const event = world.event({ household });
  return Array.from({ length: 2000 }, (_, i) => {
    const record = world.unproven({ ...event, commitment: world.bytes(`flood ${i}`, 32).fill(0, 0, 1) });
    proof.copy(record.value, record.value.length - 256);
    return { record, expected: 'PROOF_INVALID' };
  });
}

