import { fork } from 'node:child_process';
import { mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Say } from './say.js';

/** What the process in the background tells the one in front. */
type Told = { line: string } | { done: number; error?: string };

/**
 * Starts this program again as a process that outlives us, and shows what it says until its job is done. Its output goes to `supervisor.log`.
 * Returns the exit status of the job. Ctrl-C meanwhile stops it.
 */
export function runInBackground(home: string, args: readonly string[], say: Say): Promise<number> {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const log = openSync(join(home, 'supervisor.log'), 'a', 0o600);
  const child = fork(process.argv[1]!, [...args], { detached: true, stdio: ['ignore', log, log, 'ipc'], execArgv: process.execArgv });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill('SIGTERM'));
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code || 1));
    child.on('message', (told: Told) => {
      if ('line' in told) return say(told.line);
      if (told.error !== undefined) process.stderr.write(`${told.error}\n`);
      child.disconnect();
      child.unref();
      resolve(told.done);
    });
  });
}

/** In the background: says everything to the log, and to the foreground while there is one. */
export function tellForeground(say: Say): Say {
  return (line) => {
    say(line);
    if (process.connected) process.send?.({ line } satisfies Told);
  };
}
