import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Layout } from '../layout.js';

export type RecoveryLayout = Pick<Layout, 'home' | 'logDir' | 'logKeyFile' | 'logVkeyFile'>;

/** The three things that make a log. */
interface LogFiles { readonly store: string; readonly key: string; readonly vkey: string }

export interface Places {
  readonly plan: string;
  /** The successor while it is being made. */
  readonly next: LogFiles;
  /** Where an ended log is kept. */
  old(number: number): LogFiles & { folder: string };
  nextNumber(): number;
  /** The recovery is done. */
  forget(): void;
}

export function placesOf({ home }: RecoveryLayout): Places {
  const underWay = join(home, 'recovery');
  const ended = join(home, 'ended-logs');
  const files = (folder: string): LogFiles => ({ store: join(folder, 'log'), key: join(folder, 'key'), vkey: join(folder, 'log.vkey') });
  return {
    plan: join(underWay, 'plan.json'),
    next: files(underWay),
    old: (number) => ({ folder: join(ended, String(number)), ...files(join(ended, String(number))) }),
    nextNumber: () => 1 + Math.max(0, ...(existsSync(ended) ? readdirSync(ended).map(Number).filter(Number.isInteger) : [])),
    forget() {
      rmSync(underWay, { recursive: true, force: true });
      syncFolder(home);
    },
  };
}

/**
 * The ended log goes where it is kept, and the successor where it was: keys first, the store last. Each is two renames of which any may have been done
 * before.
 */
export function takeOver({ next, old }: Places, number: number, layout: RecoveryLayout): void {
  const kept = old(number);
  mkdirSync(kept.folder, { recursive: true, mode: 0o700 });
  syncFolder(dirname(kept.folder));
  for (const [from, here, to] of [[next.vkey, layout.logVkeyFile, kept.vkey], [next.key, layout.logKeyFile, kept.key], [next.store, layout.logDir, kept.store]] as const) {
    if (!existsSync(from)) continue;
    if (existsSync(here)) renameSync(here, to);
    syncFolder(kept.folder);
    renameSync(from, here);
    syncFolder(dirname(here));
  }
}

/** A file that is there whole or not at all, and survives a power cut. */
export function writeDurable(file: string, text: string, mode: number): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const fresh = `${file}.new`;
  rmSync(fresh, { force: true });
  const handle = openSync(fresh, 'wx', mode);
  try {
    writeSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(fresh, file);
  syncFolder(dirname(file));
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
