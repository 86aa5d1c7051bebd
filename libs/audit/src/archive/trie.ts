// Merkle-Patricia trie (Ethereum yellow paper, appendix D), its root alone.
import { encodeRlp, keccak256, toBeArray, type RlpStructuredDataish } from 'ethers';

type Node = RlpStructuredDataish;
interface Entry { readonly nibbles: readonly number[]; readonly value: Uint8Array }

const INLINE_BELOW_BYTES = 32;

/** Root of the trie that a block header keeps over a list (its transactions, its receipts): key i is RLP(i). */
export function listRoot(values: readonly Uint8Array[]): Buffer {
  return trieRoot(values.map((value, i) => [Buffer.from(encodeRlp(toBeArray(i)).slice(2), 'hex'), value]));
}

/** Root of a trie of these pairs; no key twice, no value empty. */
export function trieRoot(pairs: readonly (readonly [key: Uint8Array, value: Uint8Array])[]): Buffer {
  const entries = pairs.map(([key, value]) => ({ nibbles: [...key].flatMap((byte) => [byte >> 4, byte & 15]), value }));
  return hashOf(encodeRlp(build(entries, 0)));
}

/** The node over entries that agree in their first `depth` nibbles. */
function build(entries: readonly Entry[], depth: number): Node {
  const [first] = entries;
  if (first === undefined) return new Uint8Array();
  if (entries.length === 1) return [hexPrefix(first.nibbles.slice(depth), true), first.value];
  const shared = sharedNibbles(entries, depth);
  if (shared > 0) return [hexPrefix(first.nibbles.slice(depth, depth + shared), false), reference(build(entries, depth + shared))];
  const children = Array.from({ length: 16 }, (_, nibble) => {
    const below = entries.filter(({ nibbles }) => nibbles[depth] === nibble);
    return below.length === 0 ? new Uint8Array() : reference(build(below, depth + 1));
  });
  const here = entries.find(({ nibbles }) => nibbles.length === depth);
  return [...children, here?.value ?? new Uint8Array()];
}

function sharedNibbles(entries: readonly Entry[], depth: number): number {
  const { nibbles } = entries[0]!;
  for (let length = 0; ; length++) {
    const nibble = nibbles[depth + length];
    if (nibble === undefined || entries.some((entry) => entry.nibbles[depth + length] !== nibble)) return length;
  }
}

/** A node shorter than its hash stands in its parent itself. */
function reference(node: Node): Node {
  const rlp = encodeRlp(node);
  return (rlp.length - 2) / 2 < INLINE_BELOW_BYTES ? node : hashOf(rlp);
}

/** Nibbles as bytes; the first nibble says leaf or extension, and whether their count is odd. */
function hexPrefix(nibbles: readonly number[], leaf: boolean): Uint8Array {
  const odd = nibbles.length % 2;
  const padded = [(leaf ? 2 : 0) + odd, ...(odd ? [] : [0]), ...nibbles];
  return Uint8Array.from({ length: padded.length / 2 }, (_, i) => (padded[2 * i]! << 4) | padded[2 * i + 1]!);
}

function hashOf(rlp: string): Buffer {
  return Buffer.from(keccak256(rlp).slice(2), 'hex');
}
