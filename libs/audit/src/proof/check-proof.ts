import { AtsError, isAtsError } from '#libs/errors';
import type { EventOf } from '#libs/events';
import { consistencyProof, leafHash, parseProof, verifyConsistency, verifyProof, type Policy, type TileSource, type TreeHead } from '#libs/log';
import type { AnchorView, AnchoredHead } from './anchor-view.js';
import { decodeEntry } from '../entry.js';
import { decodeExtra, type ProofExtra } from './proof-extra.js';

export interface CheckProofParameters {
  file: Buffer;
  /** The log's key, and which witnesses must have cosigned. */
  policy: Policy;
  /** When the file does not carry it. */
  entry?: Buffer | undefined;
}

/** What a file proves by itself. */
export interface CheckedProof {
  index: number;
  origin: string;
  checkpoint: TreeHead;
  cosigners: string[];
  entry: Buffer;
  /** What the entry says; undefined for an entry that is no record's (a successor's first). */
  said: EventOf<'audit-log'> | undefined;
  extra: ProofExtra | undefined;
}

/** How the chain covers a proven entry; `notCovered` says why nothing could be shown. */
export type Coverage = { anchored: AnchoredHead } | { notCovered: string };

/**
 * Checks a `.tlog-proof` with nothing but the log's key.
 * @throws AtsError ATS_TLOG_PROOF_MALFORMED, ATS_TLOG_PROOF_FAILED, and those of the note
 */
export function checkProof({ file, policy, entry: given }: CheckProofParameters): CheckedProof {
  const extra = decodeExtra(parseProof(file).extra);
  const entry = given ?? extra?.entry;
  if (entry === undefined) throw new AtsError('ATS_TLOG_PROOF_MALFORMED', 'it does not carry its entry', { todo: 'Bring the entry with --entry.' });
  const { index, checkpoint, cosigners } = verifyProof(file, leafHash(entry), policy);
  return { index, origin: checkpoint.origin, checkpoint, cosigners: cosigners.map(({ name }) => name), entry, said: saidBy(entry), extra };
}

/**
 * Whether a head on chain covers the entry: it is the checkpoint's own, or one is the other's extension and the entry is below the anchored size.
 * @param tiles of the log, when they are at hand: they connect the checkpoint with any head
 * @throws AtsError ATS_EVENT_UNPROVEN when the chain holds another tree than the one that was signed
 */
export async function anchorCoverage({ index, checkpoint, extra, origin }: CheckedProof, view: AnchorView, tiles?: TileSource): Promise<Coverage> {
  const newest = await view.newest();
  if (newest === undefined) return { notCovered: `${view.place} has no head of ${origin}` };
  for (const size of new Set([checkpoint.size, extra?.anchor?.size ?? checkpoint.size])) {
    const head = newest.size === size ? { ...await view.ofSize(size), ...newest } : await view.ofSize(size);
    if (head === undefined) continue;
    if (size === checkpoint.size) {
      if (!head.root.equals(checkpoint.root)) throw forked(head, checkpoint);
      return { anchored: head };
    }
    const proof = extra!.anchor!.consistency;
    if (index < size && verifyConsistency({ from: size, fromRoot: head.root, to: checkpoint.size, toRoot: checkpoint.root, proof })) return { anchored: head };
  }
  if (newest.size <= index) return { notCovered: `the newest head on ${view.place} has ${newest.size} entries, entry ${index} is not among them yet` };
  if (tiles === undefined) return { notCovered: `nothing at hand connects the checkpoint of size ${checkpoint.size} with the head of size ${newest.size} on ${view.place}: name the log with --log` };
  const [from, to] = newest.size <= checkpoint.size ? [newest, checkpoint] : [checkpoint, newest];
  const proof = await consistencyProof(from.size, to.size, tiles);
  if (!verifyConsistency({ from: from.size, fromRoot: from.root, to: to.size, toRoot: to.root, proof })) throw forked(newest, checkpoint);
  return { anchored: newest };
}

function forked(head: TreeHead, checkpoint: TreeHead): AtsError {
  return new AtsError('ATS_EVENT_UNPROVEN', `the log signed a tree of ${checkpoint.size} entries that is not the one on chain (size ${head.size})`, { todo: 'Keep the file: it is evidence of a forked log.' });
}

function saidBy(entry: Buffer): EventOf<'audit-log'> | undefined {
  try {
    return decodeEntry(entry);
  } catch (error) {
    if (isAtsError(error, 'ATS_EVENT_MALFORMED')) return undefined;
    throw error;
  }
}
