import { cpuMicrosOf, type CpuMicros } from './attribution.js';
import type { BenchWorld } from './bench-world.js';
import { Bout, type Contender, type Throughput } from './contender.js';
import { Gate } from './gate.js';
import { honestMessages, type Made } from './messages.js';
import { Naive } from './naive.js';
import { peakMiB } from './meter.js';
import type { Shares } from './profile.js';

/** What each row's process is. `share`: of the messages; slower ones take the first of them only. */
export const CONTENDERS = {
  naive: { verifier: 'snarkjs', threads: 1, share: 0.05 },
  snarkjs: { verifier: 'snarkjs', threads: 2, share: 0.1 },
  native1: { verifier: 'native', threads: 1, share: 1 },
  native2: { verifier: 'native', threads: 2, share: 1 },
} as const;
export type RowId = keyof typeof CONTENDERS;
export const ROW_IDS = Object.keys(CONTENDERS) as RowId[];

export interface Row {
  readonly id: RowId;
  readonly verifier: string;
  readonly threads: number;
  readonly records: number;
  readonly distinctProofs: number;
  readonly recordsPerSecond: number;
  readonly proofsPerCpuSecond: number;
  readonly recordsPerCpuSecond: number;
  readonly cpuMicros: CpuMicros;
  /** What verdict and event cost the broker for each record; not in {@link cpuMicros}. */
  readonly brokerCpuMicros: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly recordsPerSecond: number };
  readonly rssMiB: number;
}

export function gateEnv(id: Exclude<RowId, 'naive'>): Record<string, string> {
  const { verifier, threads } = CONTENDERS[id];
  return { ATTESTREAM_GATE_VERIFIER: verifier, ATTESTREAM_GATE_VERIFIER_THREADS: String(threads) };
}

/**
 * How long half load lasts before latency is measured, and while it is; and where its households begin. A broker that was just started spends half of a core on compiling
 * itself for as long as that.
 */
const SETTLING_SECONDS = 20;
const STEADY_SECONDS = 8;
const STEADY_HOUSEHOLDS = 2_000_000;

/** Nine tenths of the messages for throughput, others for latency at half of it, the last tenth for the profile: all of one process's life, on empty topics. */
export async function measureRow(bench: BenchWorld, id: RowId, warmUp: readonly Made[], made: readonly Made[]): Promise<{ row: Row; run: Throughput; shares: Shares }> {
  const { verifier, threads, share } = CONTENDERS[id];
  const some = made.slice(0, Math.max(300, Math.ceil(made.length * share)));
  const [loaded, profiled] = [some.slice(0, Math.ceil(0.9 * some.length)), some.slice(Math.ceil(0.9 * some.length))];
  await bench.emptyTopics();
  const contender: Contender & { stop(): Promise<void> } = id === 'naive' ? await Naive.start(bench) : await Gate.start(bench, gateEnv(id));
  let stopped = false;
  try {
    const bout = new Bout(bench, contender);
    await bout.throughput(warmUp.slice(0, Math.max(40, Math.ceil(warmUp.length * share))));
    const run = await bout.throughput(loaded);
    const half = run.recordsPerSecond / 2;
    const steady = honestMessages(bench.world, Math.ceil((SETTLING_SECONDS + STEADY_SECONDS) * half), { firstHousehold: STEADY_HOUSEHOLDS });
    const latency = await bout.latency(steady, half, SETTLING_SECONDS);
    const rssMiB = peakMiB(contender.pid); // before the profiler comes, which takes memory of its own
    const shares = await bout.profile(profiled);
    await bout.check();
    await contender.stop();
    stopped = true;
    const perCpuSecond = Math.round(run.records / (run.cpu.process / 1e6));
    const row: Row = {
      id, verifier, threads, records: run.records, distinctProofs: new Set(loaded.map(({ record }) => record.value.toString('latin1', record.value.length - 256))).size,
      recordsPerSecond: Math.round(run.recordsPerSecond), proofsPerCpuSecond: perCpuSecond, recordsPerCpuSecond: perCpuSecond,
      cpuMicros: cpuMicrosOf(run.cpu, run.records, shares), brokerCpuMicros: Math.round(run.brokerCpu.process / run.records),
      latencyMs: { p50: latency.p50, p99: latency.p99, recordsPerSecond: latency.perSecond }, rssMiB,
    };
    return { row, run, shares };
  } finally {
    if (!stopped) await contender.stop();
  }
}
