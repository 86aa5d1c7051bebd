import { readdirSync, readFileSync } from 'node:fs';

/** What the kernel says of a process; Linux. */

const MICROS_PER_TICK = 10_000;

/** CPU time since the process began, microseconds. */
export interface CpuTime {
  /** Of all threads, ended ones too: utime and stime of /proc/PID/stat, in steps of 10 ms. */
  readonly process: number;
  /** Of the threads that run now by name; the main thread as `main`. */
  readonly threads: Readonly<Record<string, number>>;
}

/** utime + stime of a stat line. The name in parentheses may hold anything. */
export function ticksOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

export function cpuOf(pid: number): CpuTime {
  const threads: Record<string, number> = {};
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      const name = thread === String(pid) ? 'main' : readFileSync(`/proc/${pid}/task/${thread}/comm`, 'utf8').trim();
      const [nanos] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
      threads[name] = (threads[name] ?? 0) + Number(nanos) / 1000;
    } catch {
      // the thread has ended meanwhile; the process's own figure has it
    }
  }
  return { process: ticksOf(readFileSync(`/proc/${pid}/stat`, 'utf8')) * MICROS_PER_TICK, threads };
}

/** What was spent between two looks. */
export function spent(before: CpuTime, after: CpuTime): CpuTime {
  return {
    process: after.process - before.process,
    threads: Object.fromEntries(Object.entries(after.threads).map(([name, micros]) => [name, micros - (before.threads[name] ?? 0)])),
  };
}

/** The most memory that was resident at once so far, MiB. */
export function peakMiB(pid: number): number {
  return Math.round(Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024);
}

/** The value below which a share of the values lies, by the nearest rank. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}
