/** What a quorum of endpoints agrees on. Pure; a minority that lies, lags or is silent changes nothing but how long it takes. */
import type { FinalView, Sighting } from './decide.js';
import type { Market } from './fees.js';
import type { BlockId } from './state.js';

/** An endpoint's own tip of the chain. `finalized`: undefined while it knows of none. */
export interface TipView { latest: number; finalized: number | undefined; market: Market }

/** What an endpoint says of one transaction: `seen` as in {@link Sighting}; it abstains with `unknown`. */
export interface StateView { final: FinalView | undefined; sightings: ReadonlyMap<string, Sighting> }

/** The largest number that at least `quorum` of the values reach; undefined when there are too few. */
export function reachedByQuorum(values: readonly (number | undefined)[], quorum: number): number | undefined {
  return values.filter((value) => value !== undefined).toSorted((a, b) => b - a)[quorum - 1];
}

/** The lower middle: with a majority of honest values, between two of them. */
export function median<T extends bigint | number>(values: readonly T[]): T {
  return values.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))[(values.length - 1) >> 1]!;
}

/** The upper middle, for what had better be too much than too little: with a majority of honest values, between two of them. */
export function upperMedian<T extends bigint | number>(values: readonly T[]): T {
  return values.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))[values.length >> 1]!;
}

export function agreeOnFinal(views: readonly StateView[], quorum: number): FinalView | undefined {
  return agreed(views.map(({ final }) => final), quorum, finalKey);
}

/** `unknown` where no quorum says the same. */
export function agreeOnSighting(views: readonly StateView[], hash: string, quorum: number): Sighting {
  const said = views.map(({ sightings }) => sightings.get(hash)).filter((sighting) => sighting?.seen !== 'unknown');
  return agreed(said, quorum, sightingKey) ?? { seen: 'unknown' };
}

/** Does this endpoint say otherwise about what is final? Silence is no contradiction. */
export function contradicts(view: StateView, final: FinalView, sightings: ReadonlyMap<string, Sighting>): boolean {
  if (view.final && finalKey(view.final) !== finalKey(final)) return true;
  return [...view.sightings].some(([hash, said]) => {
    const truth = sightings.get(hash);
    if (!truth || truth.seen === 'unknown' || said.seen !== 'mined' || said.block.number > final.block.number) return false;
    return sightingKey(said) !== sightingKey(truth);
  });
}

function agreed<T>(values: readonly (T | undefined)[], quorum: number, key: (value: T) => string): T | undefined {
  const counts = new Map<string, number>();
  for (const value of values) {
    if (value === undefined) continue;
    const count = (counts.get(key(value)) ?? 0) + 1;
    if (count >= quorum) return value;
    counts.set(key(value), count);
  }
  return undefined;
}

const blockKey = ({ number, hash }: BlockId): string => `${number} ${hash}`;
const finalKey = ({ block, head, nonce }: FinalView): string => `${blockKey(block)} ${head.size} ${head.root.toString('hex')} ${nonce}`;
const sightingKey = (sighting: Sighting): string =>
  sighting.seen === 'mined' ? `${blockKey(sighting.block)} ${sighting.ok} ${sighting.head?.size} ${sighting.head?.root.toString('hex')}` : sighting.seen;
