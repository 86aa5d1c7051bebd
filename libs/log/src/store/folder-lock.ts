/** flock(2) on a folder: one process at a time, in whatever container, until it ends, however it ends. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { AtsError } from '#libs/errors';

/** A folder that this process holds. */
export interface FolderLock { release(): Promise<void> }

/**
 * The lock belongs to the open file description of a descriptor of ours: util-linux's flock takes it on the descriptor it inherits, and its
 * exit does not give it back. The folder itself is locked, not a file in it that someone could delete and make anew.
 * @throws AtsError ATS_LOG_LOCKED, ATS_PREREQUISITE_MISSING
 */
export async function flockFolder(folder: string): Promise<FolderLock> {
  const handle = await open(folder, 'r');
  try {
    const child = spawn('flock', ['--exclusive', '--nonblock', '--conflict-exit-code', '75', '3'], { stdio: ['ignore', 'ignore', 'pipe', handle.fd] });
    let said = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => { said += text; });
    const [status] = await once(child, 'close').catch((error: Error) => {
      throw new AtsError('ATS_PREREQUISITE_MISSING', `flock, of util-linux: ${error.message}`, { cause: error });
    }) as [number | null];
    if (status === 75) throw new AtsError('ATS_LOG_LOCKED', folder);
    if (status !== 0) throw new AtsError('ATS_LOG_DISK_FAILED', `${folder} cannot be locked: ${said.trim() || `flock ended with ${status}`}`);
    return { release: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw error;
  }
}
