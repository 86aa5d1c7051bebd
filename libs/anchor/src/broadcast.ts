import { RpcRefusal } from '#libs/chain';
import { AtsError } from '#libs/errors';

/** It has the very transaction. */
const KNOWN = /already known|already imported|known transaction|alreadyknown/i;
/** Another transaction of this nonce is mined, or waits and pays as much, or blocks ask for more now: what becomes of that decides. */
const CONTENDED = /nonce too low|nonce is too low|underpriced|lower than the current|replacement|less than block base fee/i;
const POOR = /insufficient (funds|balance)|insufficientfunds/i;

/**
 * What came of sending one transaction to several nodes; an outcome is undefined or the refusal. Nodes word their refusals as they
 * like, so the words only choose what is said: whether it was taken is seen on the chain.
 * @throws AtsError when nobody has it, and time alone will not help
 */
export function outcomeOf(outcomes: readonly (AtsError | undefined)[]): boolean {
  const refusals = outcomes.filter((outcome) => outcome !== undefined);
  if (refusals.length < outcomes.length || refusals.some((refusal) => says(refusal, KNOWN))) return true;
  if (refusals.some((refusal) => says(refusal, CONTENDED))) return false;
  const poor = refusals.find((refusal) => says(refusal, POOR));
  if (poor instanceof RpcRefusal) throw new AtsError('ATS_ANCHOR_BALANCE', poor.reason, { cause: poor });
  throw refusals[0]!;
}

function says(refusal: AtsError, words: RegExp): boolean {
  return refusal instanceof RpcRefusal && words.test(refusal.reason);
}
