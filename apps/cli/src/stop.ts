import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { AtsError, isAtsError } from '#libs/errors';
import { identityOf, lockDataFolder, type ProcessIdentity } from '#libs/stack';
import type { Layout } from './layout.js';

const PATIENCE_MS = 120_000;

/** Stops the run that uses this data folder, and returns once it is gone. Without one it does nothing. */
export async function stop({ home, endpointsFile }: Layout): Promise<void> {
  if (await isFree(home)) return;
  const { supervisor } = JSON.parse(readFileSync(endpointsFile, 'utf8')) as { supervisor: ProcessIdentity };
  if (identityOf(supervisor.pid)?.startTicks !== supervisor.startTicks) {
    throw new AtsError('ATS_ALREADY_RUNNING', `${home} is in use by a run that is only starting`, { todo: 'Stop it with Ctrl-C where it runs.' });
  }
  process.kill(supervisor.pid, 'SIGTERM');
  for (const deadline = Date.now() + PATIENCE_MS; !(await isFree(home)); await delay(200)) {
    if (Date.now() > deadline) throw new AtsError('ATS_PART_FAILED', `process ${supervisor.pid} did not stop in ${PATIENCE_MS / 1_000} s`, { todo: `Read the logs in ${home}.` });
  }
}

async function isFree(home: string): Promise<boolean> {
  try {
    await (await lockDataFolder(home)).release();
    return true;
  } catch (error) {
    if (isAtsError(error, 'ATS_ALREADY_RUNNING')) return false;
    throw error;
  }
}
