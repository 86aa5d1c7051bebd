/** A record as kafkajs decodes it, as far as transactions matter. */
export interface FetchedMessage {
  offset: string;
  key: Buffer | null;
  value: Buffer | null;
  timestamp: string;
  headers: unknown;
  /** Neither kafkajs's consumers nor ours deliver what has this set; offsets still move past it. */
  isControlRecord: boolean;
  batchContext?: { producerId: string; inTransaction: boolean; producerEpoch?: number; timestampType?: number };
}

/** One partition of a fetch response at read_committed. */
export interface FetchedPartition {
  partition: number;
  highWatermark: string;
  lastStableOffset: string;
  abortedTransactions: { producerId: string; firstOffset: string }[] | null;
  messages: FetchedMessage[];
}

/** Type of a control record that ends an aborted transaction: the second 16-bit number of its key (Kafka's ControlRecordType). */
const ABORT_MARKER = 0;

/**
 * Marks the records of aborted transactions as control records, in place, and takes the list of aborted transactions away, so that kafkajs's own filter
 * has nothing left to do. kafkajs takes the list as ordered by first offset and starts at most one transaction a record, but the broker orders it by the
 * transactions' ends; and kafkajs takes any record with the key 00 00 00 00 for an abort marker. Records stay in the list because kafkajs
 * computes the next offset to fetch from it.
 */
export function hideAborted(fetched: FetchedPartition): void {
  const starting = [...(fetched.abortedTransactions ?? [])].sort((a, b) => compare(BigInt(a.firstOffset), BigInt(b.firstOffset)));
  fetched.abortedTransactions = [];
  if (starting.length === 0) return;
  const aborting = new Set<string>();
  let started = 0;
  for (const message of fetched.messages) {
    for (; started < starting.length && BigInt(starting[started]!.firstOffset) <= BigInt(message.offset); started++) {
      aborting.add(starting[started]!.producerId);
    }
    const producerId = message.batchContext?.producerId;
    if (producerId === undefined) continue;
    if (message.isControlRecord) {
      if (message.key?.readInt16BE(2) === ABORT_MARKER) aborting.delete(producerId);
    } else if (message.batchContext?.inTransaction === true && aborting.has(producerId)) {
      message.isControlRecord = true;
    }
  }
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
