import { readdirSync, readFileSync } from 'node:fs';

/** A process for good: a pid alone may be another's after a while. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from boot to its start: field 22 of /proc/PID/stat (proc(5)). */
  readonly startTicks: string;
}

/** Who runs under this pid now; undefined when nobody does, or only a zombie that holds nothing any more. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid);
  return stat && { pid, startTicks: stat.startTicks };
}

/** True while the process group has a member that is more than a zombie. */
export function groupLives(group: number): boolean {
  return readdirSync('/proc').some((name) => /^\d+$/.test(name) && readStat(Number(name))?.group === group);
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identityOf(identity.pid)?.startTicks === identity.startTicks;
}

function readStat(pid: number): { group: number; startTicks: string } | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined; // no such process
  }
  // The name, field 2, is in parentheses and may hold blanks and parentheses itself.
  const [state, , group, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const threads = Number(fields[14]);
  const startTicks = fields[16];
  // Its first thread may be a zombie while the others still end: until the last one has, ports and files are held.
  const gone = state === 'Z' && threads <= 1;
  return gone || group === undefined || startTicks === undefined ? undefined : { group: Number(group), startTicks };
}
