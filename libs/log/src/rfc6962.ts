/** RFC 6962, section 2.1: the hashes of a Merkle tree, and the checks of its proofs. Heads, tiles and signatures are other files'. */
import { hash } from 'node:crypto';

/** Length of a hash in bytes: SHA-256. */
export const HASH_BYTES = 32;
/** The most hashes that {@link hashesRoot} folds: a full tile of tlog-tiles. */
const MOST_HASHES = 256;

/** A tree as its size (number of leaves) and its root. */
export interface TreeHead { readonly size: number; readonly root: Buffer }

/** Root of the tree without leaves: the hash of nothing. */
export const EMPTY_ROOT: Buffer = hash('sha256', '', 'buffer');

// A digest as a binary (latin1) string costs a third of one as a Buffer (Node 24), and is written into a Buffer for little. `node` and the views
// of `tile` are read and written within one call each: nothing is allocated for an inner node but that short-lived string.
const node = Buffer.alloc(1 + 2 * HASH_BYTES, 1);
const tile = Buffer.alloc(1 + MOST_HASHES * HASH_BYTES);
const pairs = Array.from({ length: MOST_HASHES / 2 }, (_, i) => tile.subarray(2 * i * HASH_BYTES, 1 + 2 * (i + 1) * HASH_BYTES));
let leaf = Buffer.alloc(1 + 1024);
/** The first bytes of `leaf`, by how many: entries have few lengths, and a view costs as much as the hash of a short one. */
let leafViews: Buffer[] = [];

/** SHA-256(0x00 || entry). */
export function leafHash(entry: Uint8Array): Buffer {
  const result = Buffer.allocUnsafe(HASH_BYTES);
  leafHashInto(entry, result, 0);
  return result;
}

/** {@link leafHash}, written into `target` at byte `offset`. */
export function leafHashInto(entry: Uint8Array, target: Buffer, offset: number): void {
  if (entry.length >= leaf.length) {
    leaf = Buffer.alloc(1 + 2 * entry.length);
    leafViews = [];
  }
  leaf.set(entry, 1);
  const view = leafViews[entry.length] ??= leaf.subarray(0, 1 + entry.length);
  target.write(hash('sha256', view, 'binary'), offset, HASH_BYTES, 'latin1');
}

/** SHA-256(0x01 || left || right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  const result = Buffer.allocUnsafe(HASH_BYTES);
  node.set(left, 1);
  node.set(right, 1 + HASH_BYTES);
  result.write(hash('sha256', node, 'binary'), 0, HASH_BYTES, 'latin1');
  return result;
}

/**
 * Root of the tree whose leaves have these hashes (1 to 256 of them, one after the other): a tile's root. The last hash may stand for a
 * subtree that is not complete: pairing from the left and handing an odd last hash up a level is RFC 6962's split at the largest power of two.
 */
export function hashesRoot(hashes: Buffer): Buffer {
  let count = hashes.length / HASH_BYTES;
  if (!Number.isInteger(count) || count < 1 || count > MOST_HASHES) throw new RangeError(`${hashes.length} bytes are not 1 to ${MOST_HASHES} hashes`);
  hashes.copy(tile, 1);
  while (count > 1) {
    const half = count >>> 1;
    for (let i = 0; i < half; i++) {
      // the byte before a pair belongs to one that is hashed already
      tile[2 * i * HASH_BYTES] = 1;
      tile.write(hash('sha256', pairs[i]!, 'binary'), 1 + i * HASH_BYTES, HASH_BYTES, 'latin1');
    }
    if (count % 2 === 1) tile.copy(tile, 1 + half * HASH_BYTES, 1 + 2 * half * HASH_BYTES, 1 + (2 * half + 1) * HASH_BYTES);
    count = half + (count % 2);
  }
  return Buffer.from(tile.subarray(1, 1 + HASH_BYTES));
}

/** Does the tree of `size` leaves and this root hold `leafHash` at `index`? `proof` from the leaf's sibling up (RFC 9162, section 2.1.3.2). */
export function verifyInclusion({ leafHash: start, index, size, root, proof }: {
  leafHash: Uint8Array; index: number; size: number; root: Uint8Array; proof: readonly Uint8Array[];
}): boolean {
  if (!isCount(index) || !isCount(size) || index >= size || ![start, root, ...proof].every(isHash)) return false;
  let place = index;
  let last = size - 1;
  let result: Buffer = Buffer.from(start);
  for (const sibling of proof) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      result = nodeHash(sibling, result);
      while (place % 2 === 0 && place !== 0) [place, last] = [place / 2, half(last)];
    } else {
      result = nodeHash(result, sibling);
    }
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && result.equals(root);
}

/**
 * Is the tree (`to`, `toRoot`) an extension of (`from`, `fromRoot`)? (RFC 9162, section 2.1.4.2.) Where two sizes have proofs of one shape,
 * the proof cannot tell them apart: sizes are to be believed from signatures alone.
 */
export function verifyConsistency({ from, fromRoot, to, toRoot, proof }: {
  from: number; fromRoot: Uint8Array; to: number; toRoot: Uint8Array; proof: readonly Uint8Array[];
}): boolean {
  if (!isCount(from) || !isCount(to) || from > to || ![fromRoot, toRoot, ...proof].every(isHash)) return false;
  if (from === to) return proof.length === 0 && Buffer.from(fromRoot).equals(toRoot) && (from > 0 || EMPTY_ROOT.equals(toRoot));
  if (from === 0) return proof.length === 0 && EMPTY_ROOT.equals(fromRoot);
  let place = from - 1;
  let last = to - 1;
  while (place % 2 === 1) [place, last] = [half(place), half(last)];
  // A complete old tree is its own first node; the proof leaves it out.
  const [first, ...rest] = place === 0 ? [fromRoot, ...proof] : proof;
  if (!first) return false;
  let old: Buffer = Buffer.from(first);
  let now: Buffer = Buffer.from(first);
  for (const sibling of rest) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      old = nodeHash(sibling, old);
      now = nodeHash(sibling, now);
      while (place % 2 === 0 && place !== 0) [place, last] = [place / 2, half(last)];
    } else {
      now = nodeHash(now, sibling);
    }
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && old.equals(fromRoot) && now.equals(toRoot);
}

const half = (value: number): number => Math.floor(value / 2); // sizes pass 32 bits
const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
const isHash = (value: Uint8Array): boolean => value.length === HASH_BYTES;
