import type { Broker, Cluster } from '../kafkajs.js';
import { isSame } from './decide.js';
import { STATE_TOPIC } from './state-log.js';
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

/**
 * Looks for transactions that nobody will end. Reads only. Takes three looks, in this order: what is open, what coordinators still have to end, what is still open.
 * A coordinator knows a partition before its first record is written, and forgets it only after the marker is. So what is open before and after
 * a coordinator that does not know of it hangs, however short its age.
 */
export async function look(cluster: Cluster, only?: ReadonlySet<string>): Promise<Look> {
  const metadata = await cluster.metadata();
  // How kafkajs says that no broker gave a whole answer: a partition may be without a leader for the moment.
  if (metadata === null) throw Object.assign(new Error('no broker tells who leads every partition'), { retriable: true });
  const { brokers, topicMetadata } = metadata;
  const places = topicMetadata.filter(({ topic }) => only?.has(topic) ?? true).flatMap(({ topic, partitionMetadata }) =>
    partitionMetadata.map(({ partitionId, leader }) => ({ topic, partition: partitionId, leader })));
  const ids = brokers.map(({ nodeId }) => nodeId);
  const producers = await producersOf(cluster, places);
  const open = producers.filter((one): one is OpenTransaction => one.startOffset !== undefined);
  const statePlaces = topicMetadata.filter(({ topic }) => topic === STATE_TOPIC).flatMap(({ topic, partitionMetadata }) =>
    partitionMetadata.map(({ partitionId, leader }) => ({ topic, partition: partitionId, leader })));
  const coordinators = await coordinatorsOf(cluster, ids, statePlaces, [...new Set(open.map(({ producerId }) => producerId))]);
  const suspects = open.filter((one) => !(coordinators.get(one.producerId)?.partitions ?? []).some((place) => isSame(place, one)));
  const still = await producersOf(cluster, suspects);
  const hanging = suspects.filter((one) => still.some((now) => isSame(now, one) && now.producerId === one.producerId && now.startOffset === one.startOffset));
  return { brokers: ids, places, producers, open, hanging, coordinators };
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
  const found = await listed(cluster, brokers, producerIds);
  if (found.size === producerIds.length) return found;
  // A broker that has just been started lists nothing, rather than to say that it has not yet loaded its log. Only one that coordinates, before and after, knows.
  await requireLoaded(cluster, statePlaces);
  const again = await listed(cluster, brokers, producerIds);
  await requireLoaded(cluster, statePlaces);
  return again;
}

async function listed(cluster: Cluster, brokers: readonly number[], producerIds: readonly bigint[]): Promise<Map<bigint, CoordinatorState & { broker: number }>> {
  const found = new Map<bigint, CoordinatorState & { broker: number }>();
  for (const id of brokers) {
    const broker = await brokerOf(cluster, id);
    const states = await describeTransactions(broker, await listTransactions(broker, producerIds));
    for (const state of states) found.set(state.producerId, { ...state, broker: id });
  }
  return found;
}

/** Asks the coordinator of each part of the log for an id that belongs there: it answers with a passing error unless it has loaded that part. */
async function requireLoaded(cluster: Cluster, statePlaces: readonly LedPlace[]): Promise<void> {
  for (const [leader, led] of Map.groupBy(statePlaces, (place) => place.leader)) {
    await describeTransactions(await brokerOf(cluster, leader), led.map(({ partition }) => idOfPartition(partition, statePlaces.length)));
  }
}

/** A transactional id that Kafka puts into this partition of its coordinators' log: by Java's hash of a string. */
function idOfPartition(partition: number, partitions: number): string {
  for (let n = 0; ; n++) {
    const id = `attestream-look-${n}`;
    const hash = Buffer.from(id).reduce((sum, code) => (Math.imul(sum, 31) + code) | 0, 0) & 0x7fff_ffff;
    if (hash % partitions === partition) return id;
  }
}

export async function brokerOf(cluster: Cluster, id: number): Promise<Broker> {
  return await cluster.findBroker({ nodeId: String(id) });
}

function unique(places: readonly LedPlace[]): LedPlace[] {
  return [...new Map(places.map((place) => [`${place.topic}/${place.partition}`, place])).values()];
}
