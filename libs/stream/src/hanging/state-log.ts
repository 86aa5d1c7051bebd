import { Reader } from './wire.js';
import type { Place } from './requests.js';

/** Where transaction coordinators keep what they decide. Compacted, and written without transactions: its offsets have no gaps but where records were compacted away. */
export const STATE_TOPIC = '__transaction_state';

/** Kafka's TransactionState, by its id in the log. */
const STATES = ['Empty', 'Ongoing', 'PrepareCommit', 'PrepareAbort', 'CompleteCommit', 'CompleteAbort', 'Dead', 'PrepareEpochFence'] as const;

/** One record of the coordinator's log: the state that a transactional id went into. */
export interface StateRecord {
  readonly transactionalId: string;
  readonly producerId: bigint;
  /** When a coordinator aborts for a producer that it fences, one more than the epoch that the records were written with. */
  readonly producerEpoch: number;
  readonly state: (typeof STATES)[number];
  readonly partitions: readonly Place[];
  /** When the coordinator went into this state, by its own clock, milliseconds. */
  readonly updatedAt: number;
}

/**
 * Kafka's TransactionLogKey and TransactionLogValue (its transaction-coordinator/src/main/resources/common/message).
 * Undefined for a tombstone, and for a record of a version that is not known here.
 */
export function readStateRecord(key: Buffer | null, value: Buffer | null): StateRecord | undefined {
  if (key === null || value === null) return undefined;
  const keyReader = new Reader(key);
  if (keyReader.int16() !== 0) return undefined;
  const transactionalId = keyReader.plainString();
  const r = new Reader(value);
  const version = r.int16();
  if (version !== 0 && version !== 1) return undefined;
  const flexible = version === 1;
  const producerId = r.int64();
  const producerEpoch = r.int16();
  r.int32(); // time-out
  const state = STATES[r.int8()];
  if (state === undefined) return undefined;
  const readTopic = (): Place[] => {
    const topic = flexible ? r.string() : r.plainString();
    const partitions = flexible ? r.array(() => r.int32()) : r.plainArray(() => r.int32());
    if (flexible) r.skipTags();
    return partitions.map((partition) => ({ topic, partition }));
  };
  const partitions = (flexible ? r.array(readTopic) : r.plainArray(readTopic)).flat();
  const updatedAt = Number(r.int64());
  return { transactionalId, producerId, producerEpoch, state, partitions, updatedAt };
}

/**
 * The partition of {@link STATE_TOPIC} that keeps a transactional id, whose leader coordinates it: by the absolute value of Java's hash of a string, where the
 * smallest number counts as 0 (Kafka's Utils.abs). Not by its low 31 bits, as the partition of a record's key is: negative hashes come out elsewhere.
 */
export function partitionOf(transactionalId: string, partitions: number): number {
  let hash = 0;
  for (let i = 0; i < transactionalId.length; i++) hash = (Math.imul(hash, 31) + transactionalId.charCodeAt(i)) | 0;
  return hash === -(2 ** 31) ? 0 : Math.abs(hash) % partitions;
}
