import { existsSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { AtsError, isAtsError } from '#libs/errors';
import { lockDataFolder } from '#libs/stack';
import type { Layout } from '../layout.js';
import type { Say } from '../say.js';
import { destroyFolder, syncFolder } from './destroy.js';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/**
 * Destroys the keys of a household, with its sensor's key and journal and its agent's outbox, which hold readings. What was sealed to it can't be opened
 * from then on; the log is not touched and stays verifiable. Calling it again does nothing more.
 * @throws AtsError ATS_HOUSEHOLD_UNKNOWN; ATS_HOUSEHOLD_IN_USE while make run or an agent or sensor of the household runs
 */
export async function erase({ home, household }: Pick<Layout, 'home' | 'household'>, name: string, say: Say): Promise<void> {
  if (!NAME.test(name)) throw new AtsError('ATS_HOUSEHOLD_UNKNOWN', JSON.stringify(name));
  const folder = dirname(household(name).keys);
  const tombstone = `${folder}.erased`;
  if (!existsSync(folder) && !existsSync(tombstone)) throw new AtsError('ATS_HOUSEHOLD_UNKNOWN', `${folder} is not there`);
  const lock = await lockDataFolder(home).catch((error: unknown) => {
    throw isAtsError(error, 'ATS_ALREADY_RUNNING') ? new AtsError('ATS_HOUSEHOLD_IN_USE', `make run uses ${home} and would start it again`, { todo: 'Run make stop first.' }) : error;
  });
  try {
    if (existsSync(folder)) {
      const user = processUsing(folder);
      if (user !== undefined) throw new AtsError('ATS_HOUSEHOLD_IN_USE', `process ${user} has its keys`);
      // First, so that an interrupted erasure is known to the next call, which finds the folder and goes on.
      writeFileSync(tombstone, `${JSON.stringify({ household: name, erasedAt: new Date().toISOString() })}\n`);
      syncFolder(dirname(tombstone));
      const files = destroyFolder(folder);
      say(`the keys of ${basename(folder)} are destroyed: ${files} files overwritten, unlinked and synced`);
    } else say(`the keys of ${name} were destroyed before: ${readFileSync(tombstone, 'utf8').trim()}`);
  } finally {
    await lock.release();
  }
  for (const line of WHAT_REMAINS) say(line);
}

const WHAT_REMAINS = [
  'what was sealed to it can no longer be opened: the readings and their salts are out of reach for everybody who has no copy of the keys or of the readings',
  'what remains: its pseudonym, streams, states and times, in the topics, the log, archives and Icinga2; the log stays verifiable, nothing in it has changed',
  'also beyond this command: backups and snapshots of these files, copies that a file system or a disk keeps of overwritten blocks, and readings that the household gave away',
  'its leaf in the registry stays live until it is revoked: nobody can prove with it any more',
];

/** A process whose environment names something in the folder: an agent or a sensor, whoever started it. */
function processUsing(folder: string): number | undefined {
  const path = realpathSync(folder);
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).find((pid) => {
    if (pid === process.pid) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').some((line) => {
        const value = line.slice(line.indexOf('=') + 1);
        return value === path || value.startsWith(`${path}/`);
      });
    } catch {
      return false; // gone, or another user's: those can't read the keys either
    }
  });
}
