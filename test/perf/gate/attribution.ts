import type { CpuTime } from './meter.js';
import { PARTS, type Part, type Shares } from './profile.js';

/** CPU of a record by part, microseconds; the sum is what the process spent on it. */
export type CpuMicros = Readonly<Record<Exclude<Part, 'idle'> | 'other', number>>;

/** Threads of V8 and Node that help whatever else runs. Every other thread than the main one verifies proofs. */
const HELPERS = /^(V8Worker|node-V8Worker|DelayedTaskSche|SignalInspector|main)/;

/**
 * Splits what the process spent on its records. The main thread's time goes by the shares of its profile, which was taken in another stretch of the
 * same load; helping threads are runtime; the rest, ended threads too, is verification.
 */
export function cpuMicrosOf(cpu: CpuTime, records: number, { micros }: Shares): CpuMicros {
  const main = cpu.threads['main'] ?? 0;
  const helpers = Object.entries(cpu.threads).reduce((sum, [name, spent]) => (name !== 'main' && HELPERS.test(name) ? sum + spent : sum), 0);
  const verifying = Math.max(0, cpu.process - main - helpers);
  const busy = PARTS.reduce((sum, part) => (part === 'idle' ? sum : sum + micros[part]), micros.other);
  const of = (part: Exclude<Part, 'idle'> | 'other') => (busy === 0 ? 0 : (main * micros[part]) / busy);
  const totals = { decode: of('decode'), checks: of('checks'), verify: of('verify') + verifying, kafka: of('kafka'), runtime: of('runtime') + helpers, other: of('other') };
  return Object.fromEntries(Object.entries(totals).map(([part, spent]) => [part, Math.round((10 * spent) / records) / 10])) as unknown as CpuMicros;
}
