import { EMPTY_STATE, remember, type PartitionState, type SourceTopic, type Verdict } from '#libs/verdict';
import type { RecordCursor } from './record-cursor.js';

/** What an entry has to say of a record. The last three are null where no verdict was recomputed. */
export interface Expected {
  readonly timestamp: number;
  readonly hash: Buffer;
  readonly verdict: Verdict | null;
  readonly parameterVersion: number | null;
  readonly registryBlock: { readonly number: number; readonly hash: Buffer } | null;
}

/** A record that the log has passed over, and the leaf that did. */
export interface Passed {
  readonly leaf: number;
  readonly expected: Expected;
}

/** Records without an entry are remembered in case it comes later; of more than this in a partition, the oldest is given up. */
export const MOST_PASSED = 10_000;

export interface LaneState {
  readonly topic: SourceTopic;
  readonly partition: number;
  readonly next: bigint;
  readonly last: number;
  readonly judged: boolean;
  readonly clock: number;
  readonly floor: number;
  readonly seen: [nullifier: Buffer, epoch: number, offset: number, hash: Buffer][];
  readonly passed: number[];
  readonly missing: [number, Passed][];
}

/** A source partition as the replay goes through it. */
export class Lane {
  cursor: RecordCursor | undefined;
  /** Offset from which on no record was taken yet. */
  next = 0n;
  /** Highest source offset among the entries so far. */
  last = -1;
  /** False when a verdict of the partition could not be recomputed: then none after it can. */
  judged = true;
  state: PartitionState = EMPTY_STATE;
  /** Offsets of records that were passed over, as the entries come. */
  readonly passed = new Set<number>();
  /** The same records once they were judged, as the verdicts come. */
  readonly missing = new Map<number, Passed>();

  constructor(readonly topic: SourceTopic, readonly partition: number) {}

  get place(): string { return `${this.topic}/${this.partition}`; }

  static from(state: LaneState): Lane {
    const lane = new Lane(state.topic, state.partition);
    Object.assign(lane, { next: state.next, last: state.last, judged: state.judged });
    lane.state = { ...EMPTY_STATE, clock: state.clock, floor: state.floor };
    for (const [nullifier, epoch, offset, hash] of state.seen) {
      lane.state = remember(lane.state, { nullifier, epoch, offset, hash, partitionClock: state.clock, epochFloor: state.floor });
    }
    for (const offset of state.passed) lane.passed.add(offset);
    for (const [offset, passed] of state.missing) lane.missing.set(offset, passed);
    return lane;
  }

  toState(): LaneState {
    const { topic, partition, next, last, judged, state: { clock, floor, seen } } = this;
    return {
      topic, partition, next, last, judged, clock, floor,
      seen: [...seen.entries()].map(([nullifier, { epoch, offset, hash }]) => [nullifier, epoch, offset, hash]),
      passed: [...this.passed],
      missing: [...this.missing],
    };
  }
}
