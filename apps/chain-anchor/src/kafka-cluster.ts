import { existsSync, fsyncSync, openSync, closeSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { AtsError } from '#libs/errors';

/**
 * Holds the log to the Kafka cluster that it was first made from; its id stands in the log's folder. Two clusters may hold the same records today and
 * others tomorrow.
 * @throws AtsError ATS_LOG_CLUSTER_FOREIGN, ATS_LOG_DISK_FULL, ATS_LOG_DISK_FAILED
 */
export function requireCluster(logDir: string, id: string): void {
  const file = join(logDir, 'kafka-cluster');
  if (!existsSync(file)) return remember(file, id);
  const known = readFileSync(file, 'utf8').trim();
  if (known !== id) throw new AtsError('ATS_LOG_CLUSTER_FOREIGN', `it is ${id}, the log was made from ${known}`);
}

function remember(file: string, id: string): void {
  try {
    const handle = openSync(`${file}.new`, 'w', 0o644);
    try {
      writeSync(handle, `${id}\n`);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(`${file}.new`, file);
  } catch (error) {
    const full = ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');
    throw new AtsError(full ? 'ATS_LOG_DISK_FULL' : 'ATS_LOG_DISK_FAILED', `${file}: ${(error as Error).message}`, { cause: error });
  }
}
