import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { AtsError } from '#libs/errors';
import { endOrphans, lockDataFolder } from '#libs/stack';
import type { Layout } from './layout.js';

/** What make run writes into its data folder: anything else in there is not ours to delete. */
const OURS = [
  'anchor', 'audit.html', 'audit.json', 'baseline.json', 'chain', 'deployment.json', 'endpoints.json', 'ended-logs', 'households', 'icinga', 'kafka', 'keys', 'log', 'logs', 'recovery', 'registry', 'report.json', 'run', 'supervisor.log',
];

/** A log that was being made when the machine went down. */
const LOG_DRAFT = /^log\.[0-9a-f]{12}\.draft$/;

/**
 * Forgets all data.
 * @throws AtsError ATS_ALREADY_RUNNING; ATS_CONFIG_INVALID when the folder is not one of make run
 */
export async function reset({ home, runDir }: Layout): Promise<void> {
  const lock = await lockDataFolder(home);
  try {
    const names = readdirSync(home);
    if (names.length > 0 && !names.some((name) => ['baseline.json', 'report.json'].includes(name))) {
      throw new AtsError('ATS_CONFIG_INVALID', `ATTESTREAM_HOME is ${home}, which make run has not made`, { todo: 'Delete it by hand if you mean it.' });
    }
    await endOrphans(runDir);
    for (const name of [...OURS, ...names.filter((name) => LOG_DRAFT.test(name))]) rmSync(join(home, name), { recursive: true, force: true });
  } finally {
    await lock.release();
  }
}
