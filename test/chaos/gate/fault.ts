/** What a run orders the inside of a gate's process to do. */
import type { Point } from './plan.js';

export interface Trap {
  at: Point;
  signal: 'SIGKILL' | 'SIGSTOP';
  /** Only in a transaction about a partition of this topic. */
  topic?: string;
  /** Whom it strikes; the gate itself otherwise. */
  pid?: number;
  /** How many times the point is passed before. */
  after?: number;
}

/**
 * A protocol that the judge must refuse.
 * - `own-id`: the transactional id is the process's, not the partition's: a successor does not fence it.
 * - `outside`: what a transaction sends is visible whether it commits or not.
 * - `split-offsets`: the offsets are committed in a transaction of their own, after the records.
 * - `early-offset`: the committed offset is read before the producer is initialised, when a predecessor can still commit.
 * - `own-position`: who is given a partition again goes on where it was itself, not at the committed offset.
 * - `early-state`: the nullifiers of verdicts are taken over before the verdicts are committed.
 */
export const FAULTS = ['own-id', 'outside', 'split-offsets', 'early-offset', 'own-position', 'early-state'] as const;
export type Fault = (typeof FAULTS)[number];

/** Environment of this module. */
export interface InsideSettings {
  /** Traps are put here, the next one first; one that was sprung is taken out. */
  CHAOS_TRAPS: string;
  /** One line a thing that happened: `trap POINT TRANSACTIONAL_ID`, `committed TOPIC/PARTITION`, `held TOPIC/PARTITION`. */
  CHAOS_NOTES: string;
  CHAOS_FAULT?: Fault;
  /** While this file is there, `early-offset` waits between the offset and the producer, `early-state` between the state and the transaction. */
  CHAOS_HOLD?: string;
}
