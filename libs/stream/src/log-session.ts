import { AtsError } from '#libs/errors';
import type { KafkaRecord } from '#libs/events';
import type { KafkaClient } from './client.js';
import { isPassing, lasting } from './failures.js';
import { clusterSession, type ClusterSession } from './cluster-session.js';
import type { Broker, Cluster } from './kafkajs.js';
import { rawFetch, type RawFetchRequest } from './raw-fetch.js';
import { toKafkaRecord } from './records.js';
import { backoff, pause, within } from './time.js';
import type { RawPartition } from './value-block.js';

/** Isolation levels of ListOffsets and Fetch. */
const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;

/** Longer than any answer of a broker that works; kafkajs has its own time-outs below it, but not everywhere. */
const ANSWER_MS = 15_000;
const FETCH_BYTES = 4 << 20;

/** A connection that hangs is left to the end of the process. */
const CLOSE_MS = 1000;

export interface Fetched {
  records: KafkaRecord[];
  /** Where to read on: past transaction markers and aborted records too. */
  next: bigint;
  highWatermark: bigint;
  /** Where read_committed ends: the first offset of the oldest open transaction. */
  lastStable: bigint;
}

interface Connection { session: ClusterSession; connected: Promise<void> }

export interface Persistence {
  /** How long to retry what may pass. */
  patienceMs: number;
  /** Ends the retries, and the wait for an answer within a second. */
  signal?: AbortSignal;
  /** How long one attempt may take, when it is more than one request. */
  answerMs?: number;
}

/**
 * A connection to the log that joins no group. After a failure the whole session is replaced, so that no broken connection or stale leader outlives it.
 */
export class LogSession {
  #open: Connection | undefined;
  #closed = false;

  constructor(private readonly kafka: KafkaClient, private readonly role: string) {}

  /** How many partitions the topic has, asked anew: it may have been given more since it was first looked at. */
  async partitions(topic: string, persistence: Persistence): Promise<number> {
    return await this.ask(`partitions of ${topic}`, persistence, async (cluster) => {
      await cluster.addTargetTopic(topic);
      await cluster.refreshMetadata();
      return cluster.findTopicPartitionMetadata(topic).length;
    });
  }

  /** @param timestamp milliseconds, or -1 for the end, -2 for the start. Undefined when no record is that new. */
  async offset(topic: string, partition: number, timestamp: number, isolation: 'high watermark' | 'last stable', persistence: Persistence): Promise<bigint | undefined> {
    const isolationLevel = isolation === 'high watermark' ? READ_UNCOMMITTED : READ_COMMITTED;
    return await this.ask(`offsets of ${topic}[${partition}]`, persistence, async (cluster) => {
      const leader = await leaderOf(cluster, topic, partition);
      const { responses } = await leader.listOffsets({ isolationLevel, topics: [{ topic, partitions: [{ partition, timestamp }] }] });
      const offset = BigInt(responses[0]!.partitions[0]!.offset);
      return offset < 0n ? undefined : offset;
    });
  }

  /** The raw committed offset: -1 when the group has none. */
  async committed(groupId: string, topic: string, partition: number, persistence: Persistence): Promise<bigint> {
    return await this.ask(`committed offset of ${groupId} for ${topic}[${partition}]`, persistence, async (cluster) => {
      const coordinator = await cluster.findGroupCoordinator({ groupId });
      const { responses } = await coordinator.offsetFetch({ groupId, topics: [{ topic, partitions: [{ partition }] }] });
      return BigInt(responses[0]!.partitions[0]!.offset);
    });
  }

  /** One fetch at read_committed; waits up to `maxWaitMs` for a record. */
  async fetch(topic: string, partition: number, from: bigint, maxWaitMs: number, persistence: Persistence): Promise<Fetched> {
    return await this.ask(`records of ${topic}[${partition}] from ${from}`, persistence, async (cluster) => {
      const leader = await leaderOf(cluster, topic, partition);
      const { responses } = await leader.fetch({
        isolationLevel: READ_COMMITTED, maxWaitTime: maxWaitMs, minBytes: 1, maxBytes: FETCH_BYTES,
        topics: [{ topic, partitions: [{ partition, fetchOffset: from.toString(), maxBytes: FETCH_BYTES }] }],
      });
      const { messages, highWatermark, lastStableOffset } = responses[0]!.partitions[0]!;
      const next = messages.length === 0 ? from : BigInt(messages.at(-1)!.offset) + 1n;
      return {
        records: messages.filter((m) => !m.isControlRecord && BigInt(m.offset) >= from).map((m) => toKafkaRecord(topic, partition, m)),
        next: next > from ? next : from,
        highWatermark: BigInt(highWatermark),
        lastStable: BigInt(lastStableOffset),
      };
    });
  }

  /** As {@link fetch}, with the batches left as bytes. */
  async fetchRaw(request: RawFetchRequest, persistence: Persistence): Promise<RawPartition> {
    const { topic, partition, from } = request;
    return await this.ask(`records of ${topic}[${partition}] from ${from}`, persistence, async (cluster) => rawFetch(await leaderOf(cluster, topic, partition), request));
  }

  /** Takes a member out of a group, on behalf of a process that died. */
  async leaveGroup(groupId: string, memberId: string, persistence: Persistence): Promise<void> {
    await this.ask(`leaving group ${groupId}`, persistence, async (cluster) => {
      await (await cluster.findGroupCoordinator({ groupId })).leaveGroup({ groupId, memberId });
    });
  }

  /** Asks a broker for metadata, once. */
  async ping(): Promise<void> {
    await this.ask('metadata', { patienceMs: 0 }, (cluster) => cluster.refreshMetadata());
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#drop(this.#open);
  }

  /** One request of any kind, repeated on a new connection for as long as what fails may pass. */
  async ask<T>(what: string, { patienceMs, signal, answerMs = ANSWER_MS }: Persistence, request: (cluster: Cluster) => Promise<T>): Promise<T> {
    const deadline = Date.now() + patienceMs;
    for (let attempt = 0; ; attempt++) {
      if (this.#closed) throw new AtsError('ATS_INTERNAL', `${what}: the reader is closed`);
      const open = (this.#open ??= this.#connect());
      try {
        return await within(answerMs, what, open.connected.then(() => request(open.session.cluster)), signal);
      } catch (error) {
        if (!isPassing(error)) throw lasting(this.kafka.brokers, what, error);
        await this.#drop(open);
        if (Date.now() > deadline || signal?.aborted || this.#closed) throw lasting(this.kafka.brokers, what, error);
        await pause(backoff(attempt, 50, 2000), signal);
      }
    }
  }

  #connect(): Connection {
    const session = clusterSession(this.kafka, this.role, { retries: 2 });
    return { session, connected: session.connect() };
  }

  /** Takes a connection away, unless another request has replaced it already. */
  async #drop(open: Connection | undefined): Promise<void> {
    if (this.#open === open) this.#open = undefined;
    // What fails while a broken connection is taken down tells nothing: its successor is new.
    if (open) await within(CLOSE_MS, 'disconnecting', open.connected.then(() => open.session.disconnect())).catch(() => undefined);
  }
}

/** The last look for a leader on each cluster, over or not. */
const looking = new WeakMap<Cluster, Promise<unknown>>();

/** Fetches have a connection of their own in kafkajs's pool of a broker, which opens with the first of them. */
const FETCH_CONNECTION = 1;

/**
 * One look at a time, and the connection of fetches is open after it: first requests side by side would each open one, of which kafkajs keeps the last and
 * closes no other.
 */
async function leaderOf(cluster: Cluster, topic: string, partition: number): Promise<Broker> {
  const look = (looking.get(cluster) ?? Promise.resolve()).then(async () => {
    await cluster.addTargetTopic(topic);
    const [nodeId] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]));
    const leader = await cluster.findBroker({ nodeId: nodeId! });
    await leader.connectionPool.getConnection(FETCH_CONNECTION);
    return leader;
  });
  looking.set(cluster, look.catch(() => undefined)); // told to whoever looked
  return await look;
}
