import { randomFillSync } from 'node:crypto';
import { lstatSync, openSync, closeSync, fsyncSync, readdirSync, rmdirSync, unlinkSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

const CHUNK_BYTES = 1 << 16;

/**
 * Destroys a folder: every file's bytes are written over and synced before it is unlinked, each folder synced after it. An interrupted call is finished by
 * the next. What is not a plain file (a link) is removed, and what it points to is left alone.
 * @returns how many files there were
 */
export function destroyFolder(folder: string): number {
  let files = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      files += destroyFolder(path);
      continue;
    }
    if (entry.isFile() && lstatSync(path).nlink === 1) overwrite(path);
    unlinkSync(path);
    files++;
  }
  syncFolder(folder);
  rmdirSync(folder);
  syncFolder(dirname(folder));
  return files;
}

export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Random bytes over all of it; a file system that copies on write keeps the old ones somewhere, which is why they are unlinked as well. */
function overwrite(path: string): void {
  const descriptor = openSync(path, 'r+');
  try {
    const noise = Buffer.alloc(CHUNK_BYTES);
    for (let rest = lstatSync(path).size, at = 0; rest > 0;) {
      randomFillSync(noise);
      const written = writeSync(descriptor, noise, 0, Math.min(rest, CHUNK_BYTES), at);
      at += written;
      rest -= written;
    }
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
