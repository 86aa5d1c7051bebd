/** Files that are written one after the other and then synced side by side: one commit of the file system's journal covers many of them. */
import type { Disk, DiskFile } from './disk.js';
import { Pool } from './serial.js';

export interface StagedFile { readonly staged: string; readonly path: string; readonly bytes: Buffer }

/** Makes the staged files; their bytes survive a power cut when it resolves. None is open any more when it settles. */
export async function writeAllSynced(disk: Disk, files: readonly StagedFile[]): Promise<void> {
  const open: DiskFile[] = [];
  try {
    for (const { staged, bytes } of files) {
      const file = await disk.create(staged);
      open.push(file);
      await file.write(bytes);
    }
    const syncing = new Pool(open.length);
    for (const file of open) syncing.start(() => file.sync());
    await syncing.finish();
  } finally {
    const closing = new Pool(open.length);
    for (const file of open) closing.start(() => file.close());
    await closing.finish();
  }
}
