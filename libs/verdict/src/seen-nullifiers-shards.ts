import type { Line } from './seen-nullifiers-part.js';
import { MOST_SETTLED, Settled, type Range } from './seen-nullifiers-settled.js';
import { MOST_YOUNG, Young } from './seen-nullifiers-young.js';

const LEAST_YOUNG = 64;
/**
 * Share of a shard's entries that its young part may hold. It bounds what stands empty in it and what is dead and still there; an entry is copied
 * as often as its inverse says while it lives.
 */
const YOUNG_SHARE = 1 / 32;
/** A shard with more entries is divided; two halves with a quarter of it each become one again. It bounds what is copied at once. */
const FEW_ENTRIES = MOST_SETTLED / 4;
const MOST_DEPTH = 20;

/** All entries whose heads begin with the same bits: settled ones, and the newest. */
export interface Shard extends Range {
  readonly settled: Settled | null;
  readonly young: Young;
}

/** By the leading bits of heads, as many as their number takes; one with fewer bits stands in more than one place. */
export type Shards = readonly Shard[];

export function shardOf(shards: Shards, head: number): Shard {
  return shards[shards.length === 1 ? 0 : head >>> (Math.clz32(shards.length) + 1)]!;
}

/** Each once. */
export function distinct(shards: Shards): Shard[] {
  return shards.filter((shard, n) => shard !== shards[n - 1]);
}

export const ONE_SHARD: Shards = [{ depth: 0, prefix: 0, settled: null, young: new Young(LEAST_YOUNG) }];

/** Whether so many of the shard's settled entries are dead that they must not wait for the next time it settles. */
export function isThin({ settled }: Shard, floor: number): boolean {
  return settled !== null && settled.thinBelow < floor;
}

/** The shards after one of them has become an empty young part above live settled entries, or two such, or one with its neighbour. */
export function settle(shards: Shards, shard: Shard, floor: number, line: Line): Shards {
  const { depth, prefix } = shard;
  const size = sizeOf(shard);
  if (size > MOST_SETTLED && depth < MOST_DEPTH) {
    const halves = [0, 1].map((bit) => settledShard([shard], floor, { depth: depth + 1, prefix: 2 * prefix + bit }));
    return replaced(shards, [shard], halves, line);
  }
  const neighbour = depth === 0 ? undefined : shardOf(shards, ((prefix ^ 1) * 2 ** (32 - depth)) >>> 0);
  if (neighbour?.depth === depth && size < FEW_ENTRIES && sizeOf(neighbour) < FEW_ENTRIES) {
    const both = [neighbour, shard];
    return replaced(shards, both, [settledShard(both, floor, { depth: depth - 1, prefix: prefix >>> 1 })], line);
  }
  return replaced(shards, [shard], [settledShard([shard], floor, shard)], line);
}

function settledShard(from: readonly Shard[], floor: number, { depth, prefix }: Range): Shard {
  const parts = from.flatMap(({ settled, young }) => (settled === null ? [young] : [settled, young]));
  const settled = Settled.of(parts, floor, { depth, prefix });
  return { depth, prefix, settled, young: new Young(Math.min(MOST_YOUNG, Math.max(LEAST_YOUNG, Math.floor((settled?.length ?? 0) * YOUNG_SHARE)))) };
}

function replaced(shards: Shards, olds: readonly Shard[], news: readonly Shard[], line: Line): Shards {
  for (const { settled, young } of olds) {
    if (settled !== null) line.replace(settled);
    line.replace(young);
  }
  const bits = Math.max(Math.log2(shards.length), ...news.map(({ depth }) => depth));
  const repeat = 2 ** bits / shards.length;
  return Array.from({ length: 2 ** bits }, (_, n) => {
    const old = shards[Math.floor(n / repeat)]!;
    return olds.includes(old) ? news.find(({ depth, prefix }) => n >>> (bits - depth) === prefix)! : old;
  });
}

function sizeOf({ settled, young }: Shard): number {
  return (settled?.length ?? 0) + young.length;
}
