/** Loaded into a gate before it starts, and into the benchmark for one row: the same software on topics of twelve partitions. */
import { TOPICS } from '#libs/events';

const table = TOPICS as Record<string, { partitions: number }>;
const before = table['telemetry']!.partitions;

export function setPartitions(partitions = before): void {
  for (const topic of ['telemetry', 'telemetry.verified']) table[topic]!.partitions = partitions;
}

if (process.env['BENCH_PARTITIONS'] !== undefined) setPartitions(Number(process.env['BENCH_PARTITIONS']));
