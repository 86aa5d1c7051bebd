import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { repositoryRoot, type PartStatus } from '#libs/stack';

/** One thing that a report holds its run to. */
export interface Check {
  readonly id: string;
  readonly ok: boolean;
  readonly want: string;
  readonly got: string;
}

/** What every report begins with. */
export interface ReportHeader {
  readonly schema: string;
  readonly commit: string | null;
  readonly dirty: boolean | null;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memMiB: number; readonly node: string };
  readonly startedAt: string;
  readonly seconds: number;
  readonly ok: boolean;
  readonly checks: readonly Check[];
}

/** A report's header as of now. A checkout without git has no commit. */
export function reportHeader(schema: string, startedAt: Date, checks: readonly Check[]): ReportHeader {
  const commit = git('rev-parse', 'HEAD');
  const changes = git('status', '--porcelain');
  return {
    schema,
    commit: commit ?? null,
    dirty: changes === undefined ? null : changes !== '',
    machine: { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, memMiB: Math.round(totalmem() / 2 ** 20), node: process.version },
    startedAt: startedAt.toISOString(),
    seconds: Math.round((Date.now() - startedAt.getTime()) / 100) / 10,
    ok: checks.length > 0 && checks.every(({ ok }) => ok),
    checks,
  };
}

/** Resident memory of a process and its children, MiB; undefined when it is gone. */
function residentMiB(pid: number): number | undefined {
  try {
    const rss = Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    return Math.round(rss / 1_024 + children.reduce((sum, child) => sum + (residentMiB(Number(child)) ?? 0), 0));
  } catch {
    return undefined;
  }
}

/** Of this process and every part that runs. */
export function residentOf(parts: readonly Pick<PartStatus, 'name' | 'pid'>[]): Record<string, number | undefined> {
  return {
    cli: Math.round(process.memoryUsage.rss() / 2 ** 20),
    ...Object.fromEntries(parts.filter(({ pid }) => pid !== undefined).map(({ name, pid }) => [name, residentMiB(pid!)])),
  };
}

function git(...args: string[]): string | undefined {
  try {
    return execFileSync('git', args, { cwd: repositoryRoot, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}
