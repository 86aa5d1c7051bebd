import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import type { FindingsState } from './findings.js';
import type { LaneState } from './lane.js';
import type { StatisticsState } from './statistics.js';
import type { TileTreeState } from './tile-tree.js';

/** What an audit compares: fixed at its begin, so that it ends with the same report whenever it goes on. */
export interface AuditTarget {
  /** Of the audit's options: another audit's state is not taken up. */
  readonly identity: string;
  readonly note: Buffer;
  readonly ends: readonly { readonly topic: string; readonly partition: number; readonly from: bigint; readonly to: bigint }[];
  readonly chainHead: { readonly number: number; readonly hash: Buffer } | null;
  readonly nowMs: number;
}

/** Between two bundles, with everything before decided. */
export interface AuditProgress {
  readonly bundle: number;
  readonly tree: TileTreeState;
  readonly findings: FindingsState;
  readonly statistics: StatisticsState;
  readonly lanes: readonly LaneState[];
  readonly topicNext: bigint;
  readonly activeMinutes: readonly number[];
  readonly nullifierRows: number;
  readonly anchorAge: { readonly anchors: number; readonly firstMs: number | null };
  readonly newestMs: number;
  /** Origin of the log that this one succeeds. */
  readonly predecessor: string | null;
  /** Broker time of the first audit entry. */
  readonly firstMs: number | null;
}

export interface AuditState {
  readonly target: AuditTarget;
  readonly progress: AuditProgress | null;
}

const FORMAT = 'attestream/audit-state/1';

/** The state in the file; undefined when there is none, or it is not whole, or another audit's. */
export function readState(file: string, identity: string): AuditState | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { format, state } = deserialize(bytes) as { format: string; state: AuditState };
    return format === FORMAT && state.target.identity === identity ? state : undefined;
  } catch {
    return undefined; // not a state: what it held is audited again
  }
}

/** Replaces the file whole, and durably. */
export function writeState(file: string, state: AuditState): void {
  const partial = `${file}.${process.pid}`;
  const bytes = serialize({ format: FORMAT, state });
  const fd = openSync(partial, 'w', 0o600);
  try {
    for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(partial, file);
  const folder = openSync(dirname(file), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Where the nullifiers of a kept audit are. */
export function nullifiersBeside(file: string): string {
  return `${file}.nullifiers`;
}

export function removeState(file: string): void {
  rmSync(file, { force: true });
  rmSync(nullifiersBeside(file), { force: true });
}
