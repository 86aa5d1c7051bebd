import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { z } from 'zod';
import { STREAMS, type StreamId } from '#libs/edge';
import type { Policy } from '#libs/verdict';

/** The family that the households of make run are enrolled in. */
export const FAMILY = 'home';

const NO_BOUND = 0xffff_ffff;

/** What "normal" means on this machine, measured once: bounds that moved with every start would be a new parameter set each time. */
const baselineSchema = z.strictObject({ openFiles: z.int().nonnegative(), cores: z.int().positive() });
export type Baseline = z.infer<typeof baselineSchema>;

/** The baseline of this data folder: measured at the first run, then read again. */
export function ensureBaseline(file: string): Baseline {
  if (!existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(`${file}.new`, `${JSON.stringify({ openFiles: openFileHandles(), cores: cpus().length } satisfies Baseline)}\n`);
    renameSync(`${file}.new`, file);
  }
  return baselineSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
}

/** Open file handles of the whole machine: first field of /proc/sys/fs/file-nr (proc(5)). */
export function openFileHandles(): number {
  return Number(readFileSync('/proc/sys/fs/file-nr', 'utf8').split('\t', 1)[0]);
}

/** How far above the baseline open files are a warning, and critical. Starting everything opens about 2,000. */
export const OPEN_FILES_WARN = 6_000;
export const OPEN_FILES_CRITICAL = 10_000;

/** The policies of the family: half of a window's 16 readings out of bounds make the state. */
export function policiesFor({ openFiles, cores }: Baseline): Policy[] {
  return [
    above('open-files', openFiles + OPEN_FILES_WARN, openFiles + OPEN_FILES_CRITICAL),
    // hundredths of a task: many times the cores is a machine that does not keep up
    above('load', cores * 1_600, cores * 6_400),
    above('disk-used', 9_500, 9_900),
    above('disk-busy', 9_000, NO_BOUND),
    // no amount of traffic is a fault in itself: its state is OK, and its silence is UNKNOWN
    above('network', NO_BOUND, NO_BOUND),
    above('pressure-cpu', 8_000, NO_BOUND),
    above('pressure-memory', 1_000, 5_000),
    above('pressure-io', 5_000, 9_000),
  ];
}

/** What the agents of make run publish: three proofs an epoch and household are what three households on two cores prove in time. */
export const AGENT_STREAMS = ['open-files', 'load', 'disk-used'] as const satisfies readonly StreamId[];

function above(stream: StreamId, warnHi: number, critHi: number): Policy {
  const { unit } = STREAMS.find((info) => info.stream === stream)!;
  return {
    topic: 'telemetry', family: FAMILY, stream, unit,
    warnLo: 0, warnHi: Math.min(warnHi, NO_BOUND), critLo: 0, critHi: Math.min(critHi, NO_BOUND), kWarn: 8, kCrit: 8,
  };
}
