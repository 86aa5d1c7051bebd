import type { Broker, Cluster } from '../kafkajs.js';
import { pause } from '../time.js';
import { isSame, nameOf } from './decide.js';
import { partitionOf, STATE_TOPIC } from './state-log.js';
import { describeProducers, describeTransactions, listTransactions, type CoordinatorState, type Place, type ProducerState } from './requests.js';

/** A partition with the broker that leads it. */
export interface LedPlace extends Place { readonly leader: number }

/** A transaction that is open in a partition. */
export type OpenTransaction = ProducerState & { readonly startOffset: bigint; readonly leader: number };

export interface Look {
  readonly brokers: readonly number[];
  readonly places: readonly LedPlace[];
  /** Every producer that a partition remembers. */
  readonly producers: readonly (ProducerState & { leader: number })[];
  readonly open: readonly OpenTransaction[];
  /** Open in a partition of which its coordinator, if it has one, does not know that it needs a marker: nobody will ever end them. */
  readonly hanging: readonly OpenTransaction[];
  /** By producer id. */
  readonly coordinators: ReadonlyMap<bigint, CoordinatorState & { broker: number }>;
}

export interface LookParameters {
  /** Which partitions are looked into. Default: all, internal ones too. */
  isWanted?: (place: Place) => boolean;
  /** Ends the wait between two looks, and the look with it. */
  signal?: AbortSignal;
  /** Milliseconds between two looks. Default 2 s: much longer than a broker that stood still takes to hear what was decided meanwhile. */
  apartMs?: number;
}

/**
 * Looks for transactions that nobody will end. Reads only. What hangs does so for ever; but of several brokers one may answer as what it is no longer. So
 * where there are several, what hangs must do so in two looks that begin anew: the same transaction in the same place.
 */
export async function look(cluster: Cluster, { isWanted = () => true, signal, apartMs = 2000 }: LookParameters = {}): Promise<Look> {
  const first = await lookOnce(cluster, isWanted);
  if (first.hanging.length === 0 || !first.severalBrokers) return first;
  await pause(apartMs, signal);
  if (signal?.aborted) throw passing('stopped between two looks');
  const second = await lookOnce(cluster, isWanted);
  return { ...second, hanging: second.hanging.filter((one) => first.hanging.some((before) => isSameTransaction(one, before) && one.producerEpoch === before.producerEpoch)) };
}

/**
 * Asks in this order: what is open, what coordinators still have to end, what is still open. A coordinator knows a partition before its first record is
 * written, and forgets it only after the marker is. So what is open before and after a coordinator that does not know of it hangs, however short its age.
 * That holds for brokers that are what they are asked as: see {@link requireAgreed}.
 */
async function lookOnce(cluster: Cluster, isWanted: (place: Place) => boolean): Promise<Look & { severalBrokers: boolean }> {
  const metadata = await cluster.metadata();
  // How kafkajs says that no broker gave a whole answer: a partition may be without a leader for the moment.
  if (metadata === null) throw passing('no broker tells who leads every partition');
  const { brokers, topicMetadata } = metadata;
  const all = topicMetadata.flatMap(({ topic, partitionMetadata }) => partitionMetadata.map(({ partitionId, leader }) => ({ topic, partition: partitionId, leader })));
  const places = all.filter(isWanted);
  const ids = brokers.map(({ nodeId }) => nodeId);
  const producers = await producersOf(cluster, places);
  const open = producers.filter((one): one is OpenTransaction => one.startOffset !== undefined);
  const statePlaces = all.filter(({ topic }) => topic === STATE_TOPIC);
  const coordinators = await coordinatorsOf(cluster, ids, statePlaces, [...new Set(open.map(({ producerId }) => producerId))]);
  const suspects = open.filter((one) => !(coordinators.get(one.producerId)?.partitions ?? []).some((place) => isSame(place, one)));
  const still = await producersOf(cluster, suspects);
  const hanging = suspects.filter((one) => still.some((now) => isSameTransaction(now, one)));
  if (hanging.length > 0) await requireAgreed(cluster, ids, [...hanging, ...statePlaces]);
  // Of several, one alone may be there to be seen.
  const severalBrokers = ids.length > 1 || topicMetadata.some(({ partitionMetadata }) => partitionMetadata.some(({ replicas }) => replicas.length > 1));
  return { brokers: ids, places, producers, open, hanging, coordinators, severalBrokers };
}

/** No two transactions of a partition begin at the same offset. */
export function isSameTransaction(a: ProducerState, b: ProducerState): boolean {
  return isSame(a, b) && a.producerId === b.producerId && a.startOffset === b.startOffset;
}

/**
 * A broker that was stopped or cut off answers, for a moment, as the leader or coordinator that it was: it shows as open what its successor has ended, or does not
 * know of what its successor has begun. The successor knew of its office before: so all must still agree on who leads, those too that only some of them know of.
 */
async function requireAgreed(cluster: Cluster, brokers: readonly number[], places: readonly LedPlace[]): Promise<void> {
  const topics = [...new Set(places.map(({ topic }) => topic))];
  const toAsk = new Set(brokers);
  // What is added while it is gone through is gone through as well.
  for (const id of toAsk) {
    const { brokers: known, topicMetadata } = await (await brokerOf(cluster, id)).metadata(topics);
    for (const { nodeId } of known) toAsk.add(nodeId);
    const leaders = new Map(topicMetadata.flatMap(({ topic, partitionMetadata }) => partitionMetadata.map(({ partitionId, leader }) => [`${topic}/${partitionId}`, leader])));
    const moved = places.find(({ topic, partition, leader }) => leaders.get(`${topic}/${partition}`) !== leader);
    if (moved) throw passing(`broker ${id} does not take ${moved.leader} for the leader of ${nameOf(moved)}`);
  }
}

function passing(why: string): Error {
  return Object.assign(new Error(why), { retriable: true });
}

/** The producers that partitions remember, each asked from its leader. */
export async function producersOf(cluster: Cluster, places: readonly LedPlace[]): Promise<(ProducerState & { leader: number })[]> {
  const all: (ProducerState & { leader: number })[] = [];
  for (const [leader, led] of Map.groupBy(places, (place) => place.leader)) {
    const broker = await brokerOf(cluster, leader);
    for (const state of await describeProducers(broker, unique(led))) all.push({ ...state, leader });
  }
  return all;
}

async function coordinatorsOf(cluster: Cluster, brokers: readonly number[], statePlaces: readonly LedPlace[], producerIds: readonly bigint[]): Promise<Look['coordinators']> {
  if (producerIds.length === 0) return new Map();
  const found = await listed(cluster, brokers, statePlaces, producerIds);
  if (producerIds.every((id) => found.has(id))) return found;
  // A broker that has just been started lists nothing, rather than to say that it has not yet loaded its log. Only one that coordinates, before and after, knows.
  await requireLoaded(cluster, statePlaces);
  const again = await listed(cluster, brokers, statePlaces, producerIds);
  await requireLoaded(cluster, statePlaces);
  return again;
}

/** What the brokers that lead their part of the log say of them; a former one may still list what it no longer coordinates. */
async function listed(cluster: Cluster, brokers: readonly number[], statePlaces: readonly LedPlace[], producerIds: readonly bigint[]): Promise<Map<bigint, CoordinatorState & { broker: number }>> {
  const leaders = new Map(statePlaces.map(({ partition, leader }) => [partition, leader]));
  const found = new Map<bigint, CoordinatorState & { broker: number }>();
  for (const id of brokers) {
    const broker = await brokerOf(cluster, id);
    const ids = (await listTransactions(broker, producerIds)).filter((one) => leaders.get(partitionOf(one, statePlaces.length)) === id);
    for (const state of await describeTransactions(broker, ids)) found.set(state.producerId, { ...state, broker: id });
  }
  return found;
}

/** Asks the coordinator of each part of the log for an id that belongs there: it answers with a passing error unless it has loaded that part. */
async function requireLoaded(cluster: Cluster, statePlaces: readonly LedPlace[]): Promise<void> {
  for (const [leader, led] of Map.groupBy(statePlaces, (place) => place.leader)) {
    await describeTransactions(await brokerOf(cluster, leader), led.map(({ partition }) => idOfPartition(partition, statePlaces.length)));
  }
}

/** A transactional id that Kafka puts into this partition of its coordinators' log. */
function idOfPartition(partition: number, partitions: number): string {
  for (let n = 0; ; n++) if (partitionOf(`attestream-look-${n}`, partitions) === partition) return `attestream-look-${n}`;
}

export async function brokerOf(cluster: Cluster, id: number): Promise<Broker> {
  return await cluster.findBroker({ nodeId: String(id) });
}

function unique(places: readonly LedPlace[]): LedPlace[] {
  return [...new Map(places.map((place) => [`${place.topic}/${place.partition}`, place])).values()];
}
