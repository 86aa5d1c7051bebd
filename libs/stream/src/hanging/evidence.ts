import type { FetchedMessage } from '../hide-aborted.js';
import type { Cluster } from '../kafkajs.js';
import { type Evidence, type MarkerSeen } from './decide.js';
import { brokerOf, type LedPlace, type Look, type OpenTransaction } from './look.js';
import { readStateRecord, STATE_TOPIC, type StateRecord } from './state-log.js';

const READ_UNCOMMITTED = 0;
const END = -1;
const START = -2;
const FETCH_BYTES = 4 << 20;

/** kafkajs's name for a timestamp that the broker set. */
const LOG_APPEND_TIME = 1;

/** Written by brokers, whose own time stands in the records though they count as the producer's. */
const OFFSETS_TOPIC = '__consumer_offsets';

/** Between brokers that keep their clocks by NTP. */
const CLOCK_SKEW_MS = 1000;

/** Decisions are looked for from this long before the transaction's first record: the coordinator's time of a record is taken before it is written. */
const MARGIN_MS = 60_000;

/** Longest stretch of a sibling partition that is searched for markers, records. */
const SIBLING_RECORDS = 200_000;

/** How open transactions began, and all that the cluster's logs tell of how they were decided. */
export async function evidenceOf(cluster: Cluster, seen: Look, transactions: readonly OpenTransaction[]): Promise<Evidence[]> {
  const all: Evidence[] = [];
  const skewMs = seen.brokers.length > 1 ? CLOCK_SKEW_MS : 0;
  for (const open of transactions) {
    const { producerEpoch, startedAt } = await beginning(cluster, open);
    const since = startedAt === undefined ? undefined : startedAt - skewMs;
    const { states, complete } = await statesOf(cluster, seen, open.producerId, since);
    const siblings: MarkerSeen[] = [];
    for (const place of seen.producers) {
      // What hangs itself tells nothing; what has been silent since has no marker.
      if (place.producerId !== open.producerId || place.startOffset !== undefined || (since !== undefined && place.lastTimestamp < since)) continue;
      siblings.push(...(await markersOf(cluster, place, open.producerId, since)));
    }
    all.push({ place: { topic: open.topic, partition: open.partition }, producerEpoch, startedAt, states, statesComplete: complete, siblings, skewMs });
  }
  return all;
}

async function beginning(cluster: Cluster, open: OpenTransaction): Promise<{ producerEpoch: number; startedAt: number | undefined }> {
  for await (const message of rawRecords(cluster, open, open.startOffset, open.startOffset + 1n)) {
    const context = message.batchContext;
    if (context?.producerId !== open.producerId.toString()) continue;
    const ofBroker = context.timestampType === LOG_APPEND_TIME || open.topic === OFFSETS_TOPIC;
    return { producerEpoch: context.producerEpoch ?? open.producerEpoch, startedAt: ofBroker ? Number(message.timestamp) : undefined };
  }
  // Its first record is gone from the log, by retention or compaction.
  return { producerEpoch: open.producerEpoch, startedAt: undefined };
}

/** What coordinators logged about a producer since then; complete when no record of their logs is missing up to now. */
async function statesOf(cluster: Cluster, seen: Look, producerId: bigint, since: number | undefined): Promise<{ states: StateRecord[]; complete: boolean }> {
  const states: StateRecord[] = [];
  let complete = true;
  for (const place of seen.places.filter(({ topic }) => topic === STATE_TOPIC)) {
    const end = await offsetAt(cluster, place, END);
    const start = since === undefined ? -1n : await offsetAt(cluster, place, since - MARGIN_MS);
    let next = since === undefined ? await offsetAt(cluster, place, START) : start < 0n ? end : start;
    for await (const { key, value, offset } of rawRecords(cluster, place, next, end)) {
      complete &&= BigInt(offset) === next;
      next = BigInt(offset) + 1n;
      const state = readStateRecord(key, value);
      if (state?.producerId === producerId) states.push(state);
    }
    complete &&= next === end;
  }
  return { states, complete };
}

async function markersOf(cluster: Cluster, place: LedPlace, producerId: bigint, since: number | undefined): Promise<MarkerSeen[]> {
  const end = await offsetAt(cluster, place, END);
  const found = since === undefined ? -1n : await offsetAt(cluster, place, since);
  const start = since === undefined ? await offsetAt(cluster, place, START) : found < 0n ? end : found;
  const markers: MarkerSeen[] = [];
  let read = 0;
  for await (const { key, offset, timestamp, isControlRecord, batchContext } of rawRecords(cluster, place, start, end)) {
    if (++read > SIBLING_RECORDS) break;
    if (!isControlRecord || batchContext?.producerId !== producerId.toString() || key === null) continue;
    if (since !== undefined && Number(timestamp) < since) continue;
    // A control record's key is its version and its type, 16 bits each: 0 aborts, 1 commits.
    markers.push({ topic: place.topic, partition: place.partition, offset: BigInt(offset), producerEpoch: batchContext.producerEpoch ?? -1, commit: key.readInt16BE(2) === 1, timestamp: Number(timestamp) });
  }
  return markers;
}

/** Every record in [from, to), open and aborted transactions' and markers too. Ends early where the log does. */
async function* rawRecords(cluster: Cluster, place: LedPlace, from: bigint, to: bigint): AsyncGenerator<FetchedMessage, void, undefined> {
  while (from < to) {
    const leader = await brokerOf(cluster, place.leader);
    const { responses } = await leader.fetch({
      isolationLevel: READ_UNCOMMITTED, maxWaitTime: 100, minBytes: 1, maxBytes: FETCH_BYTES,
      topics: [{ topic: place.topic, partitions: [{ partition: place.partition, fetchOffset: from.toString(), maxBytes: FETCH_BYTES }] }],
    });
    const { messages } = responses[0]!.partitions[0]!;
    for (const message of messages) {
      const offset = BigInt(message.offset);
      if (offset >= to) return;
      if (offset >= from) yield message;
    }
    const last = messages.at(-1);
    if (!last || BigInt(last.offset) < from) return;
    from = BigInt(last.offset) + 1n;
  }
}

/** @param timestamp milliseconds, or END, START. Negative when no record is that new. */
async function offsetAt(cluster: Cluster, { topic, partition, leader }: LedPlace, timestamp: number): Promise<bigint> {
  const broker = await brokerOf(cluster, leader);
  const { responses } = await broker.listOffsets({ isolationLevel: READ_UNCOMMITTED, topics: [{ topic, partitions: [{ partition, timestamp }] }] });
  return BigInt(responses[0]!.partitions[0]!.offset);
}

