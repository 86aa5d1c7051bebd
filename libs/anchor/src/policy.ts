/** When to anchor, and what it may cost. */
export interface AnchorPolicy {
  /** Anchor once this many entries wait, while the chain is cheap. */
  minEntries: number;
  /** Anchor when the oldest of them has waited this long, cheap or not. */
  maxAgeSeconds: number;
  /** Cheap is a base fee up to this, in gwei; absent: always. */
  targetBaseFeeGwei?: number;
  /** No transaction offers more than this a unit of gas, in gwei. */
  maxFeeGwei: number;
  /** No anchor may cost more than this in all, in wei: gas limit times fee, and the L1 fee of an OP-stack chain. */
  maxCostWei: bigint;
  /** An attempt that is not mined for so many blocks is replaced by one that offers more. */
  bumpAfterBlocks?: number;
}

export interface Waiting {
  /** Entries beyond what is anchored or planned. */
  entries: number;
  /** How long the oldest of them has waited. */
  ageSeconds: number;
  /** Wei a unit of gas. */
  baseFee: bigint;
}

/** Is it time? */
export function isDue({ entries, ageSeconds, baseFee }: Waiting, { minEntries, maxAgeSeconds, targetBaseFeeGwei }: AnchorPolicy): boolean {
  if (entries === 0) return false;
  if (ageSeconds >= maxAgeSeconds) return true;
  return entries >= minEntries && (targetBaseFeeGwei === undefined || baseFee <= weiOf(targetBaseFeeGwei));
}

/** Gwei to wei. Fractions of a wei are cut. */
export function weiOf(gwei: number): bigint {
  return BigInt(Math.trunc(gwei * 1e9));
}
