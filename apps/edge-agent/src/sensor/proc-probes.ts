import { readFileSync, statfsSync } from 'node:fs';
import type { StreamId } from '#libs/edge';
import type { OpenProbe, Probe, ProbeSources } from './probe.js';

/** Probes of the kernel's text files, one a stream. Units: libs/edge STREAMS. */
export const PROC_PROBES: Readonly<Record<StreamId, OpenProbe>> = {
  'pressure-cpu': pressure('pressure-cpu', 'cpu'),
  'pressure-memory': pressure('pressure-memory', 'memory'),
  'pressure-io': pressure('pressure-io', 'io'),
  load: ({ proc }) => gauge('load', () => hundredths(match(text(`${proc}/loadavg`), /^(\d+\.\d+) /))),
  'open-files': ({ proc }) => gauge('open-files', () => Number(match(text(`${proc}/sys/fs/file-nr`), /^(\d+)\s/))),
  'disk-busy': ({ proc, monotonicSeconds }) => diskBusy(proc, monotonicSeconds),
  'disk-used': ({ rootFileSystem }) => gauge('disk-used', () => diskUsed(rootFileSystem)),
  network: ({ proc, monotonicSeconds }) => network(proc, monotonicSeconds),
};

/** Pressure stall information (Documentation/accounting/psi.rst): `some avg10=1.23 ...`. */
function pressure(stream: StreamId, resource: string): OpenProbe {
  return ({ proc }) => gauge(stream, () => hundredths(match(text(`${proc}/pressure/${resource}`), /^some avg10=(\d+\.\d+) /)));
}

/** A probe that needs no memory. It reads once when opened, so that a source that is not there shows at once. */
function gauge(stream: StreamId, read: () => number): Probe {
  read();
  return { stream, read };
}

/**
 * Documentation/admin-guide/iostats.rst, field 10: milliseconds spent doing I/O, per device. The busiest device counts, because a
 * mean over idle disks would hide the one that stalls. Parts of a disk never do more I/O than the disk.
 */
function diskBusy(proc: string, now: ProbeSources['monotonicSeconds']): Probe {
  const sample = () => ({ at: now(), busyMs: new Map(rows(text(`${proc}/diskstats`)).map((fields) => [fields[2]!, Number(fields[12])])) });
  let last = sample();
  return {
    stream: 'disk-busy',
    read: () => {
      const next = sample();
      const elapsedMs = Math.max(1, 1000 * (next.at - last.at));
      const busiest = Math.max(0, ...[...next.busyMs].map(([disk, busy]) => busy - (last.busyMs.get(disk) ?? busy)));
      last = next;
      return Math.min(10_000, Math.round(10_000 * busiest / elapsedMs));
    },
  };
}

/** Bytes received (field 1) and sent (field 9) of every interface but lo. A counter that fell, as after a driver's reload, counts as nothing. */
function network(proc: string, now: ProbeSources['monotonicSeconds']): Probe {
  const sample = () => ({ at: now(), bytes: new Map(interfaces(text(`${proc}/net/dev`))) });
  let last = sample();
  return {
    stream: 'network',
    read: () => {
      const next = sample();
      const moved = [...next.bytes].reduce((sum, [name, bytes]) => sum + Math.max(0, bytes - (last.bytes.get(name) ?? bytes)), 0);
      const seconds = Math.max(0.001, next.at - last.at);
      last = next;
      return Math.round(moved / seconds);
    },
  };
}

function interfaces(devices: string): [name: string, bytes: number][] {
  return devices.split('\n').flatMap((line): [string, number][] => {
    const [, name, counters] = /^\s*([^:\s]+):(.*)$/.exec(line) ?? [];
    if (name === undefined || name === 'lo') return [];
    const fields = counters!.trim().split(/\s+/).map(Number);
    return [[name, fields[0]! + fields[8]!]];
  });
}

/** As df counts: what is used of what an unprivileged user could ever have. */
function diskUsed(path: string): number {
  const { blocks, bfree, bavail } = statfsSync(path);
  const used = blocks - bfree;
  return used + bavail === 0 ? 0 : Math.round(10_000 * used / (used + bavail));
}

function text(path: string): string { return readFileSync(path, 'utf8'); }

function rows(table: string): string[][] { return table.trim().split('\n').map((line) => line.trim().split(/\s+/)); }

/** "1.23" as 123. */
function hundredths(decimal: string): number { return Math.round(100 * Number(decimal)); }

function match(content: string, pattern: RegExp): string {
  const found = pattern.exec(content)?.[1];
  if (found === undefined) throw new Error(`${JSON.stringify(content.slice(0, 80))} does not match ${pattern}`);
  return found;
}
