import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot, startPart, type Supervisor } from '#libs/stack';
import type { Layout } from '../layout.js';
import { openFileHandles, OPEN_FILES_CRITICAL, type Baseline } from '../setup/policies.js';

/** Above the critical bound by this much, so that what else opens and closes on the machine does not hide it. */
const MARGIN = 3_000;
/** Of each process, for itself. */
const OWN_FILES = 200;

/** Opens as many files as the policy calls critical, in helper processes, until the supervisor stops. Returns how many. */
export async function raiseOpenFiles({ supervisor, layout, baseline }: { supervisor: Supervisor; layout: Layout; baseline: Baseline }): Promise<number> {
  const wanted = filesToOpen(baseline, openFileHandles());
  const perProcess = Math.max(1, hardLimit() - OWN_FILES);
  for (let opened = 0, i = 1; opened < wanted; opened += perProcess, i++) {
    const name = `open-files-${i}`;
    const count = Math.min(perProcess, wanted - opened);
    await supervisor.run(name, (signal) => startPart({
      name,
      program: process.execPath,
      args: [join(repositoryRoot, 'dist/apps/cli/src/once/open-many-files.js'), String(count)],
      logFile: layout.logFile(name),
      ready: (log) => log().includes('holding'),
      signal,
    }));
  }
  return wanted;
}

/** How many to open when `now` are: at least the margin, so that the metric is raised also where the machine stands above the bound already. */
export function filesToOpen({ openFiles }: Baseline, now: number): number {
  return Math.max(MARGIN, openFiles + OPEN_FILES_CRITICAL + MARGIN - now);
}

/** How many files a process may open: Node raises its soft limit to the hard one when it starts. */
function hardLimit(): number {
  const limit = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return limit === undefined || limit === 'unlimited' ? 1_000_000 : Number(limit);
}
