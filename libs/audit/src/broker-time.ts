import type { ActiveTime } from './active-time.js';
import { iso } from './failures.js';
import type { Anchor } from './own-chain.js';

/**
 * The window that anchored checkpoints leave for an entry's broker time. Broker time is the operator's word; the chain's is not.
 * - Not after: the first anchor that covers the entry was made when the entry was there already. An entry that no anchor covers is not from the future.
 * - Not before: the newest anchor that does not cover the entry was made before it was logged, and a record waits for its entry no longer than
 *   `maxWaitMs` of active time.
 * Both give the two clocks `toleranceMs`.
 */
export class BrokerTimeWindow {
  /** Index of the first anchor that covers the leaf asked for last; anchors are in the order of their sizes. */
  #covering = 0;

  constructor(
    private readonly anchors: readonly Anchor[],
    private readonly activeTime: ActiveTime,
    private readonly limits: { readonly toleranceMs: number; readonly maxWaitMs: number; readonly nowMs: number },
  ) {}

  /** Why the time is outside, or undefined. Leaves come in order. */
  outside(leaf: number, timestampMs: number): string | undefined {
    const { anchors, activeTime, limits: { toleranceMs, maxWaitMs, nowMs } } = this;
    while (this.#covering < anchors.length && anchors[this.#covering]!.size <= leaf) this.#covering++;
    const after = anchors[this.#covering];
    if (timestampMs > (after?.block.timestampMs ?? nowMs) + toleranceMs) {
      return after === undefined ? `${iso(timestampMs)} is in the future` : `${iso(timestampMs)}, after the entry was anchored in block ${after.block.number} of ${iso(after.block.timestampMs)}`;
    }
    const before = anchors[this.#covering - 1];
    if (before !== undefined && activeTime.exceeds(timestampMs, before.block.timestampMs - toleranceMs, maxWaitMs)) {
      return `${iso(timestampMs)}, long before the anchor without the entry in block ${before.block.number} of ${iso(before.block.timestampMs)}`;
    }
    return undefined;
  }
}
