import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { groupLives, identityOf, isAlive, type ProcessIdentity } from './process-identity.js';

/** Its first thread ends (system call 60 or 93: exit, of the calling thread alone); another one goes on and holds what the process has open. */
const FIRST_THREAD_ENDS = `
import ctypes, platform, threading, time
threading.Thread(target=time.sleep, args=(600,)).start()
ctypes.CDLL(None).syscall(60 if platform.machine() == 'x86_64' else 93, 0)
`;

let child: ChildProcess | undefined;
afterEach(() => {
  if (child?.pid !== undefined && child.signalCode === null) process.kill(-child.pid, 'SIGKILL');
  child = undefined;
});

const isZombie = (pid: number) => / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(10);
}

it('a process whose first thread is a zombie lives until its last thread has ended', async () => {
  child = spawn('python3', ['-c', FIRST_THREAD_ENDS], { stdio: 'ignore', detached: true });
  const pid = child.pid as number;
  await until(() => isZombie(pid));
  const identity = identityOf(pid) as ProcessIdentity;
  expect([isAlive(identity), groupLives(pid)]).toEqual([true, true]);
  const exited = once(child, 'exit');
  process.kill(-pid, 'SIGKILL');
  await exited;
  expect([isAlive(identity), groupLives(pid), identityOf(pid)]).toEqual([false, false, undefined]);
}, 30_000);

it('a zombie that nobody has waited for yet is gone', async () => {
  // The shell starts a child and becomes a program that never waits for it.
  child = spawn('/bin/sh', ['-c', 'sleep 0 & echo $!; exec sleep 600'], { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  const [line] = await once(child.stdout as Readable, 'data') as [Buffer];
  const pid = Number(line.toString());
  await until(() => isZombie(pid));
  expect(identityOf(pid)).toBeUndefined();
}, 30_000);
