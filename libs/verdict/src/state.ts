import type { EventOf } from '#libs/events';
import { SeenNullifiers } from './seen-nullifiers.js';

/**
 * What a source partition remembers of its earlier verdicts. Only VERIFIED events change it, so it can be rebuilt from the verified topic.
 * - `clock`: highest broker time among them, ms since the Unix epoch; 0 before the first.
 * - `floor`: the lowest epoch number that can still be accepted. It never falls, whatever parameter set follows; therefore a nullifier, which
 *   its proof binds to one epoch, is forgotten for good once its epoch is below the floor.
 */
export interface PartitionState {
  readonly clock: number;
  readonly floor: number;
  readonly seen: SeenNullifiers;
}

/** What a verified event adds to the state. */
export interface VerifiedFacts {
  readonly nullifier: Buffer;
  readonly epoch: number;
  /** Offset and hash of the source record. */
  readonly offset: number;
  readonly hash: Buffer;
  readonly partitionClock: number;
  readonly epochFloor: number;
}

/** A partition without verified events. */
export const EMPTY_STATE: PartitionState = { clock: 0, floor: 0, seen: SeenNullifiers.EMPTY };

/** The state after a verified event. The given state stays as it was. */
export function remember(state: PartitionState, facts: VerifiedFacts): PartitionState {
  const time = timeAfter(state, facts);
  return { ...time, seen: state.seen.with(facts.nullifier, facts, time.floor) };
}

/** The state after many verified events: as {@link remember} makes it from nothing, without a version an event. */
export function remembering(): { add(facts: VerifiedFacts): void; done(): PartitionState } {
  let time: Time = { clock: EMPTY_STATE.clock, floor: EMPTY_STATE.floor };
  const seen = SeenNullifiers.filling();
  return {
    add: (facts) => {
      time = timeAfter(time, facts);
      seen.add(facts.nullifier, facts, time.floor);
    },
    done: () => ({ ...time, seen: seen.done() }),
  };
}

type Time = Omit<PartitionState, 'seen'>;

function timeAfter({ clock, floor }: Time, { partitionClock, epochFloor }: VerifiedFacts): Time {
  return { clock: Math.max(clock, partitionClock), floor: Math.max(floor, epochFloor) };
}

type VerifiedEvent = EventOf<'telemetry.verified'> | EventOf<'bci-intent.verified'>;

/** The facts in an event of a verified topic. */
export function factsOf(event: VerifiedEvent): VerifiedFacts {
  const { nullifier, epoch, source, partitionClock, epochFloor } = event;
  return { nullifier, epoch, offset: source.offset, hash: source.hash, partitionClock, epochFloor };
}

/** Broker clocks of a cluster may differ by this much without a nullifier being missed. */
const CLOCK_SKEW_MS = 3_600_000;

/**
 * From which broker time of the verified topic on the state has to be rebuilt, given the newest event of the partition: an epoch is accepted at
 * the earliest one epoch before it begins, and a verified event is appended after its source. Reading more than needed changes nothing.
 */
export function rebuildFrom(newest: VerifiedEvent): number {
  const epochMs = newest.windowEnd / (newest.epoch + 1);
  return Math.max(0, (newest.epochFloor - 1) * epochMs - CLOCK_SKEW_MS);
}
