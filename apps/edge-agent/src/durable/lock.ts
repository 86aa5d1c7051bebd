import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { AtsError } from '#libs/errors';

/** A folder that this process holds. */
export interface FolderLock { release(): Promise<void> }

/**
 * Holds a folder for this process until it ends, however it ends: an abstract Unix socket named after the folder, which the kernel
 * gives to one process of a network namespace at a time and takes back by itself.
 * @throws AtsError ATS_ALREADY_RUNNING
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const path = realpathSync(folder);
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? new AtsError('ATS_ALREADY_RUNNING', path, { todo: 'Stop the process that uses this folder first.', cause: error }) : error);
    });
    server.listen(`\0attestream:${createHash('sha256').update(path).digest('hex').slice(0, 32)}`, resolve);
  });
  server.unref();
  return { release: () => close(server) };
}

function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => server.close((error) => (error ? reject(error) : resolve())));
}
