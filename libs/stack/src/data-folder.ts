import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AtsError } from '#libs/errors';
import { isAlive, type ProcessIdentity } from './process-identity.js';

/** Sole use of a data folder. */
export interface DataFolderLock {
  release(): Promise<void>;
}

/**
 * Takes the folder for this process, creating it when needed. The lock is a listening socket in Linux's abstract namespace, named
 * after the folder's real path: the kernel drops it with the process, so that none is ever left behind.
 * @throws AtsError ATS_ALREADY_RUNNING
 */
export async function lockDataFolder(home: string): Promise<DataFolderLock> {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const path = realpathSync(home);
  const name = `\0attestream/${createHash('sha256').update(path).digest('hex')}`;
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? new AtsError('ATS_ALREADY_RUNNING', path) : error));
    server.listen(name, resolve);
  });
  server.unref();
  return { release: () => closed(server) };
}

/**
 * Ends what an earlier supervisor of this folder left running after it was killed outright. Its children have got SIGTERM from the
 * kernel by then; here we wait for them, and use force after `graceSeconds`. Returns the names of those that still ran.
 */
export async function endOrphans(runDir: string, graceSeconds = 30): Promise<string[]> {
  mkdirSync(runDir, { recursive: true });
  const files = readdirSync(runDir).filter((name) => name.endsWith('.pid'));
  const orphans = files.map((name) => readIdentity(join(runDir, name))).filter((identity) => identity !== undefined && isAlive(identity)) as ProcessIdentity[];
  for (const orphan of orphans) process.kill(orphan.pid, 'SIGTERM');
  const deadline = Date.now() + graceSeconds * 1_000;
  while (orphans.some(isAlive) && Date.now() < deadline) await delay(100);
  for (const orphan of orphans.filter(isAlive)) process.kill(-orphan.pid, 'SIGKILL');
  while (orphans.some(isAlive)) await delay(50);
  const names = files.filter((name) => orphans.some(({ pid }) => pid === readIdentity(join(runDir, name))?.pid));
  for (const name of files) rmSync(join(runDir, name));
  return names.map((name) => name.slice(0, -'.pid'.length));
}

function readIdentity(file: string): ProcessIdentity | undefined {
  const [pid, startTicks] = readFileSync(file, 'utf8').trim().split(' ');
  return pid && startTicks ? { pid: Number(pid), startTicks } : undefined; // a torn write: the process had not been started for long
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
