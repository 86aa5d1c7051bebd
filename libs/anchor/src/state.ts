import type { TreeHead } from '#libs/log';

/** A block by both of its names: a height alone is another block after a reorganisation. */
export interface BlockId { readonly number: number; readonly hash: string }

/** One signed transaction. Those of one job share nonce and data, so at most one of them is ever mined. */
export interface Attempt {
  readonly hash: string;
  /** What is sent, again and again: 0x and the signed bytes. */
  readonly raw: string;
  readonly fees: Fees;
  /** The chain's height when it was signed: its age is counted from there. */
  readonly atBlock: number;
}

/** Wei a unit of gas, as EIP-1559 names them. */
export interface Fees { readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint }

/** `ok`: its receipt says it succeeded. `hash`: which of the attempts it was. */
export interface Inclusion { readonly hash: string; readonly block: BlockId; readonly ok: boolean }

/** The checkpoint that is being anchored. There is one at a time: the contract wants each proven from the head before it. */
export type Job =
  | { readonly step: 'PLANNED'; readonly target: TreeHead }
  /** SIGNED: in the journal, perhaps with a node. SENT: a node has taken it. */
  | { readonly step: 'SIGNED' | 'SENT'; readonly target: TreeHead; readonly nonce: number; readonly attempts: readonly Attempt[] }
  | { readonly step: 'MINED'; readonly target: TreeHead; readonly nonce: number; readonly attempts: readonly Attempt[]; readonly mined: Inclusion };

/** The newest head that is final on chain. `tx`: null when it was not our transaction that is known to have brought it; `block` then is where it was seen. */
export interface FinalAnchor { readonly head: TreeHead; readonly tx: string | null; readonly block: BlockId }

/** All that the worker remembers, as the journal keeps it. A job that became FINAL is `anchored` and nothing else: the journal is bounded. */
export interface AnchorState {
  readonly anchored: FinalAnchor | null;
  /** Since when the log is larger than what is anchored or planned: the age of the oldest entry that waits. */
  readonly waiting: { readonly beyond: number; readonly sinceMs: number } | null;
  readonly job: Job | null;
}

export const EMPTY_STATE: AnchorState = { anchored: null, waiting: null, job: null };

export function sameHead(a: TreeHead, b: TreeHead): boolean {
  return a.size === b.size && a.root.equals(b.root);
}
