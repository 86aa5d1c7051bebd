import type { Fees } from './state.js';

/** What the chain asks for now, in wei a unit of gas. */
export interface Market { readonly baseFee: bigint; readonly tip: bigint }

export const GWEI = 10n ** 9n;

/**
 * Fees of a first attempt: they stay payable while the base fee doubles, within the ceiling. Undefined when what the next block asks
 * for is above it.
 */
export function firstFees({ baseFee, tip }: Market, ceiling: bigint): Fees | undefined {
  if (baseFee + tip > ceiling) return undefined;
  return { maxFeePerGas: least(2n * baseFee + tip, ceiling), maxPriorityFeePerGas: tip };
}

/**
 * Fees that replace an attempt of the same nonce: an eighth more on both fields, which every node takes, or the market's where it is
 * higher. Undefined when the ceiling leaves no room for that.
 */
export function raisedFees(previous: Fees, { baseFee, tip }: Market, ceiling: bigint): Fees | undefined {
  const maxFeePerGas = raised(previous.maxFeePerGas);
  const maxPriorityFeePerGas = raised(previous.maxPriorityFeePerGas);
  // the market is asked for as far as the ceiling goes, the eighth in any case
  const max = most(maxFeePerGas, least(2n * baseFee + tip, ceiling));
  if (max > ceiling || maxPriorityFeePerGas > max) return undefined;
  return { maxFeePerGas: max, maxPriorityFeePerGas: least(most(maxPriorityFeePerGas, tip), max) };
}

/** The next whole number at or above 1.125 times, and always more. */
function raised(fee: bigint): bigint {
  const eighth = (fee + 7n) / 8n;
  return fee + (eighth === 0n ? 1n : eighth);
}

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const most = (a: bigint, b: bigint): bigint => (a > b ? a : b);
