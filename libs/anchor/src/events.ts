import type { AtsError } from '#libs/errors';
import type { TreeHead } from '#libs/log';
import type { BlockId, Fees, Job } from './state.js';

/** What the worker did or met. Each is said once: a problem when it begins or changes, and when it is gone. */
export type AnchorEvent =
  | { type: 'resumed'; job: Job }
  | { type: 'planned'; head: TreeHead }
  /** In the journal; `attempt` counts from 1 within a nonce. */
  | { type: 'signed'; head: TreeHead; tx: string; nonce: number; attempt: number; fees: Fees }
  | { type: 'sent'; head: TreeHead; tx: string }
  | { type: 'mined'; head: TreeHead; tx: string; block: BlockId; ok: boolean }
  | { type: 'reorganised'; head: TreeHead; tx: string; block: BlockId }
  | { type: 'replanned'; head: TreeHead; why: string }
  | { type: 'final'; head: TreeHead; tx: string; block: BlockId }
  /** Final, by a transaction that this journal does not know. */
  | { type: 'adopted'; head: TreeHead; block: BlockId }
  /** Another account has anchored a larger head first: this one can never be anchored. */
  | { type: 'overtaken'; head: TreeHead; by: TreeHead; block: BlockId }
  | { type: 'problem'; error: AtsError }
  | { type: 'solved'; error: AtsError }
  | { type: 'endpoint-out'; endpoint: string; error: AtsError }
  | { type: 'endpoint-in'; endpoint: string }
  /** It answers, and what it says of the finalized chain is not what the others say. */
  | { type: 'endpoint-contradicts'; endpoint: string; error: AtsError };
