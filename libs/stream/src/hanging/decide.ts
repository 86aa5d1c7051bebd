import type { Place } from './requests.js';
import type { StateRecord } from './state-log.js';

/** A control record: it ends a producer's transaction in its partition. */
export interface MarkerSeen extends Place {
  readonly offset: bigint;
  readonly producerEpoch: number;
  readonly commit: boolean;
  readonly timestamp: number;
}

export interface Evidence {
  readonly place: Place;
  /** Of the open transaction's first record here. */
  readonly producerEpoch: number;
  /** Broker time of its first record; undefined when only the producer's own clock stands in the record. */
  readonly startedAt: number | undefined;
  /** What the coordinator logged about this producer, in the log's order. */
  readonly states: readonly StateRecord[];
  /** True when nothing is missing in `states` since `startedAt`. */
  readonly statesComplete: boolean;
  /** The producer's markers since `startedAt`, in partitions where it has no transaction open. */
  readonly siblings: readonly MarkerSeen[];
  /** How far the clocks of two brokers may be apart, milliseconds; 0 when there is one broker. */
  readonly skewMs: number;
}

export interface Decision {
  /** `under way`: nothing was decided yet, and its coordinator will end it, whatever a look took it for. */
  readonly decision: 'commit' | 'abort' | 'unknown' | 'under way';
  /** What told, or why nothing does: for a person. */
  readonly because: string;
}

/**
 * What was decided about the transaction that is open in a partition though its coordinator has nothing more to do there.
 *
 * The coordinator logs PrepareCommit or PrepareAbort with all partitions before any marker is written, and a partition is added to the transaction before its first
 * record. So the open records belong to the newest decided transaction that lists the partition, or to older ones that were forgotten here too: any marker in
 * between would have ended the open transaction. If all of those were decided alike, that is the decision. A marker of the same producer and epoch in another
 * partition must not contradict, and says it alone where the coordinator's log was compacted. All else is unknown: to guess would split a transaction.
 */
export function decide(evidence: Evidence): Decision {
  const { place, producerEpoch, states, statesComplete, siblings } = evidence;
  const last = states.at(-1);
  if (last?.state === 'Ongoing' && last.producerEpoch >= producerEpoch && last.partitions.some((one) => isSame(one, place))) {
    return { decision: 'under way', because: `${last.state} at ${new Date(last.updatedAt).toISOString()} in the coordinator's log` };
  }
  const decided = states.filter(({ state, partitions, producerEpoch: epoch }) =>
    (state === 'PrepareCommit' || state === 'PrepareAbort') && epoch >= producerEpoch && partitions.some((one) => isSame(one, place)));
  if (statesComplete && decided.length > 0) return byCoordinator(decided, evidence);
  const silent = statesComplete ? `the coordinator's log has no decision about ${nameOf(place)}` : "the coordinator's log since then is no longer whole";
  return byMarkers(siblings.filter((marker) => marker.producerEpoch === producerEpoch), silent, producerEpoch);
}

/** Whether a marker may be written: by what was decided, or where nothing tells by the word of a person. Never into a transaction that is under way. */
export function mayEnd(decision: Decision['decision'], assumeAborted: boolean): boolean {
  return decision === 'commit' || decision === 'abort' || (decision === 'unknown' && assumeAborted);
}

function byCoordinator(decided: readonly StateRecord[], evidence: Evidence): Decision {
  const candidates = candidatesOf(decided, evidence);
  const last = candidates.at(-1);
  if (last === undefined) return unknown(`the coordinator's last decision about ${nameOf(evidence.place)} is older than the open transaction`);
  if (candidates.some(({ state }) => state !== last.state)) {
    return unknown(`transactions that hold ${nameOf(evidence.place)} were committed and others aborted since it was opened, and nothing tells which of them it is`);
  }
  const commit = last.state === 'PrepareCommit';
  const said = `${last.state} at ${new Date(last.updatedAt).toISOString()} in the coordinator's log`;
  // Markers carry the epoch of the decision.
  const markers = evidence.siblings.filter((marker) => marker.producerEpoch === last.producerEpoch);
  const against = markers.find((marker) => marker.commit !== commit);
  if (against) return unknown(`${said}, but ${saidBy(against)}`);
  return { decision: commit ? 'commit' : 'abort', because: markers[0] ? `${said}; ${saidBy(markers[0])}` : said };
}

/**
 * The decisions that may be about the open records: all since their first one. When a clock that was set back makes even the last one look older, it still tells if
 * it was to abort, for then nothing of the producer can have been committed since.
 */
function candidatesOf(decided: readonly StateRecord[], { startedAt, skewMs }: Evidence): readonly StateRecord[] {
  if (startedAt === undefined) return decided;
  const first = decided.findIndex(({ updatedAt }) => updatedAt >= startedAt - skewMs);
  return first >= 0 ? decided.slice(first) : decided.slice(-1).filter(({ state }) => state === 'PrepareAbort');
}

/** A producer that was fenced has a higher epoch from then on: markers of this epoch are of the same session, which ends with its first abort. */
function byMarkers(markers: readonly MarkerSeen[], silent: string, producerEpoch: number): Decision {
  const committed = markers.find(({ commit }) => commit);
  const aborted = markers.find(({ commit }) => !commit);
  if (committed && aborted) return unknown(`${silent}; ${saidBy(committed)}, but ${saidBy(aborted)}`);
  if (committed) return { decision: 'commit', because: `${saidBy(committed)}; ${silent}` };
  if (aborted) return { decision: 'abort', because: `${saidBy(aborted)}; ${silent}` };
  return unknown(`${silent}, and no marker of producer epoch ${producerEpoch} stands in another partition since`);
}

function unknown(because: string): Decision {
  return { decision: 'unknown', because };
}

function saidBy({ topic, partition, offset, commit }: MarkerSeen): string {
  return `${nameOf({ topic, partition })} has its ${commit ? 'commit' : 'abort'} marker at offset ${offset}`;
}

export function isSame(a: Place, b: Place): boolean {
  return a.topic === b.topic && a.partition === b.partition;
}

export function nameOf({ topic, partition }: Place): string {
  return `${topic}[${partition}]`;
}
