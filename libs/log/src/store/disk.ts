/** The system calls that the store makes, one method each: what a crash can fall between, and what the tests make fail. */
import { closeSync, fsync, linkSync, mkdirSync, openSync, readdirSync, renameSync, rmdirSync, unlinkSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { AtsError } from '#libs/errors';
import { flockFolder, type FolderLock } from './folder-lock.js';

/** A file being written. */
export interface DiskFile {
  /** All of the bytes, or a rejection after some of them. */
  write(bytes: Buffer): Promise<void>;
  /** fsync: what was written survives a power cut. The file's name does not before its folder is synced. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Rejections are those of node:fs (`code` is the errno's name). */
export interface Disk {
  /** A new file, for writing. EEXIST when the name is taken. */
  create(path: string): Promise<DiskFile>;
  /** A second name of a file. EEXIST when the name is taken: of several callers one wins. */
  link(from: string, to: string): Promise<void>;
  /** Replaces what bears the name. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file's name; none is fine. */
  remove(path: string): Promise<void>;
  mkdir(path: string): Promise<void>;
  /** Removes an empty folder. */
  rmdir(path: string): Promise<void>;
  /** fsync of a folder: the names made, changed and removed in it survive a power cut. */
  syncFolder(path: string): Promise<void>;
  /** Undefined when there is no such file. */
  read(path: string): Promise<Buffer | undefined>;
  /** Names in a folder; none when there is no such folder. */
  list(path: string): Promise<string[]>;
  /** Holds a folder for this process. @throws AtsError ATS_LOG_LOCKED */
  lock(path: string): Promise<FolderLock>;
}

const sync = promisify(fsync);

/**
 * The machine's own. What waits for the medium (a sync, a read) goes through Node's pool of threads. The rest changes the kernel's memory only and is done
 * at once: a trip through the pool costs several times the call itself, and would queue behind the syncs.
 */
export const nodeDisk: Disk = {
  create: async (path) => {
    const fd = openSync(path, 'wx', 0o644);
    return {
      write: async (bytes) => { for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at); },
      sync: () => sync(fd),
      close: async () => { closeSync(fd); },
    };
  },
  link: async (from, to) => { linkSync(from, to); },
  rename: async (from, to) => { renameSync(from, to); },
  remove: (path) => unless('ENOENT', async () => { unlinkSync(path); }, undefined),
  mkdir: async (path) => { mkdirSync(path); },
  rmdir: async (path) => { rmdirSync(path); },
  async syncFolder(path) {
    const fd = openSync(path, 'r');
    try {
      await sync(fd);
    } finally {
      closeSync(fd);
    }
  },
  read: (path) => unless('ENOENT', () => readFile(path), undefined),
  list: (path) => unless('ENOENT', async () => readdirSync(path), []),
  lock: flockFolder,
};

/** The errno's name of a failed system call. */
export function errnoOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : undefined; // no instanceof: a test's Error is of another realm
}

/** What a caller of the store sees of a failed system call. */
export function storeError(error: unknown, folder: string): unknown {
  const errno = errnoOf(error);
  if (error instanceof AtsError || errno === undefined) return error;
  return new AtsError(errno === 'ENOSPC' || errno === 'EDQUOT' ? 'ATS_LOG_DISK_FULL' : 'ATS_LOG_DISK_FAILED', `${folder}: ${(error as Error).message}`, { cause: error });
}

async function unless<T, E>(errno: string, call: () => Promise<T>, otherwise: E): Promise<T | E> {
  try {
    return await call();
  } catch (error) {
    if (errnoOf(error) === errno) return otherwise;
    throw error;
  }
}
