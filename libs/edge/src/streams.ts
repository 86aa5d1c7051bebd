/** A metric that a sensor of this kind can read: its stream id, the fixed-point unit of one reading, and what it says. */
export interface StreamInfo { stream: string; unit: string; doc: string }

/** Every metric of the machine sensor. Readings are unsigned 32-bit integers; a larger value is clamped to 2^32 - 1. */
export const STREAMS = [
  { stream: 'pressure-cpu', unit: 'percent/100', doc: 'Share of the last 10 s in which some task waited for a CPU (PSI some avg10)' },
  { stream: 'pressure-memory', unit: 'percent/100', doc: 'Share of the last 10 s in which some task waited for memory (PSI some avg10)' },
  { stream: 'pressure-io', unit: 'percent/100', doc: 'Share of the last 10 s in which some task waited for I/O (PSI some avg10)' },
  { stream: 'load', unit: 'tasks/100', doc: 'Load average of one minute' },
  { stream: 'open-files', unit: 'files', doc: 'Open file handles of the whole machine' },
  { stream: 'disk-busy', unit: 'percent/100', doc: 'Share of the time since the last reading in which the busiest disk did I/O' },
  { stream: 'disk-used', unit: 'percent/100', doc: 'Used share of the root file system' },
  { stream: 'network', unit: 'bytes/s', doc: 'Bytes received and sent a second since the last reading, over every interface but the loopback' },
] as const satisfies readonly StreamInfo[];

export type StreamId = (typeof STREAMS)[number]['stream'];
