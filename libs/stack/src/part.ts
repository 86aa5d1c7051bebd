import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AtsError } from '#libs/errors';
import { groupLives } from './process-identity.js';
import { systemProgram } from './tools.js';

/** A running child process of the stack. */
export interface Part {
  readonly name: string;
  readonly pid: number;
  /** Everything it wrote to stdout and stderr, over all its runs. */
  readonly logFile: string;
  /** Resolves when the process is gone, for whatever reason. */
  readonly exited: Promise<PartExit>;
  /** SIGTERM, then SIGKILL when it has not ended in time. Resolves when it is gone; may be called again. */
  stop(): Promise<void>;
  /** Sends a signal and returns at once: for tests that take a part away. */
  kill(signal: NodeJS.Signals): void;
}

export interface PartExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface StartPartParameters {
  name: string;
  program: string;
  args: readonly string[];
  logFile: string;
  cwd?: string;
  /** Added to this process's environment. */
  env?: Record<string, string>;
  /** Asked until it answers true; `log` is what this run has written so far. */
  ready(log: () => string): boolean | Promise<boolean>;
  /** How long it may take to become ready. */
  startSeconds?: number;
  /** How long it may take to end after SIGTERM. */
  stopSeconds?: number;
  signal?: AbortSignal;
}

const READY_POLL_MS = 100;

/**
 * Starts a program and resolves once it is ready. It leads a process group of its own, so that Ctrl-C in a terminal reaches
 * only us, and the kernel sends it SIGTERM should we die without a word (setpriv --pdeathsig).
 * @throws AtsError ATS_PART_FAILED with the last words of its log
 */
export async function startPart(parameters: StartPartParameters): Promise<Part> {
  const { name, program, args, logFile, startSeconds = 60, stopSeconds = 20, signal } = parameters;
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'a', 0o600);
  const logStart = statSync(logFile).size;
  const child = spawn(systemProgram('setpriv'), ['--pdeathsig', 'TERM', '--', program, ...args], {
    cwd: parameters.cwd,
    env: { ...process.env, ...parameters.env },
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  const exited = whenGone(child);
  const part = toPart(child, name, logFile, exited, stopSeconds);
  const readLog = () => readFileSync(logFile).subarray(logStart).toString('utf8');
  try {
    await untilReady();
  } catch (error) {
    if (child.pid !== undefined) await part.stop();
    throw error;
  }
  return part;

  async function untilReady(): Promise<void> {
    let gone: PartExit | undefined;
    void exited.then((exit) => (gone = exit));
    const deadline = Date.now() + startSeconds * 1_000;
    while (!(await parameters.ready(readLog))) {
      signal?.throwIfAborted();
      if (gone) throw failure(`it ended with ${gone.signal ?? `exit code ${gone.code}`}`);
      if (Date.now() > deadline) throw failure(`it was not ready after ${startSeconds} s`);
      await Promise.race([delay(READY_POLL_MS), exited]);
    }
    // Something else may have answered in the place of a child that could not bind its port.
    if (gone) throw failure('it ended while it started');
  }

  function failure(why: string): AtsError {
    const words = readLog().trim().split('\n').slice(-3).join(' / ');
    return new AtsError('ATS_PART_FAILED', `${name}: ${why}: ${words || 'it said nothing'}`, { todo: `Read ${logFile}.` });
  }
}

function whenGone(child: ChildProcess): Promise<PartExit> {
  return new Promise((resolve) => {
    child.once('error', () => resolve({ code: null, signal: null }));
    child.once('exit', (code, signal) => {
      void groupEnded(child.pid).then(() => resolve({ code, signal }));
    });
  });
}

/** Ends the children that a part left behind: they hold its ports and files (Icinga2's worker does). */
async function groupEnded(pid: number | undefined): Promise<void> {
  signalGroup(pid, 'SIGKILL');
  while (pid !== undefined && groupLives(pid)) await delay(10);
}

function toPart(child: ChildProcess, name: string, logFile: string, exited: Promise<PartExit>, stopSeconds: number): Part {
  const gone = () => child.exitCode !== null || child.signalCode !== null;
  return {
    name,
    pid: child.pid ?? -1,
    logFile,
    exited,
    kill(signal) {
      if (!gone()) child.kill(signal);
    },
    async stop() {
      if (gone()) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), stopSeconds * 1_000);
      await exited;
      clearTimeout(timer);
    },
  };
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
