import { createRequire } from 'node:module';
import type * as KafkaJs from 'kafkajs';
import { AtsError } from '#libs/errors';
import { hideAborted, type FetchedPartition } from './hide-aborted.js';

/**
 * kafkajs, with four faults repaired before anything uses it. Nothing else in the project may import kafkajs.
 *
 * 1. Its read_committed delivers aborted records where transactions overlap (see {@link hideAborted}). All are repaired on prototypes,
 *    so that it does not matter who loaded kafkajs first, and every reader of every process and of every Jest registry gets it.
 * 2. Its header decoder copies all headers for each header (13,000 of them fit in 64 KiB and cost seconds) and looks names up on an object, so that a
 *    header named `toString` comes back with a function in it. Anybody who may write can send both.
 * 3. It sets a timer with a negative time after each request, of which Node warns on stderr.
 * 4. It takes every failure to connect for one that passes, and has no end that could be told to it: what a disconnected client was about goes on for 50 tries.
 */
const require = createRequire(import.meta.url);

/** The version whose sources were read and measured; another one is refused, not hoped for. */
const KNOWN_VERSION = '2.2.4';

process.env['KAFKAJS_NO_PARTITIONER_WARNING'] = '1';
repair();

export const { Kafka, logLevel } = require('kafkajs') as typeof KafkaJs;

/** kafkajs's error for a code of the protocol. */
export const protocolError = (require('kafkajs/src/protocol/error.js') as { createErrorFromCode(code: number): Error }).createErrorFromCode;

/** How kafkajs opens a connection unless it is told otherwise. */
export const openSocket: KafkaJs.ISocketFactory = (require('kafkajs/src/network/socketFactory.js') as () => KafkaJs.ISocketFactory)();

/** Opens connections, until it is over: then the client that uses it gives up whatever it is about. */
export type SocketFactory = KafkaJs.ISocketFactory & { readonly isOver: () => boolean };

export type { Admin, Consumer, EachBatchPayload, Kafka as KafkaJsClient, LogEntry, Producer, Transaction } from 'kafkajs';

/** What kafkajs hands to a partition assigner (its documented extension point), as far as it is used here. */
export interface Cluster {
  connect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly unknown[];
  findLeaderForPartitions(topic: string, partitions: number[]): Record<string, number[]>;
  findBroker(node: { nodeId: string }): Promise<Broker>;
  /** Of a group, or with type 1 of a transactional id. */
  findGroupCoordinator(group: { groupId: string; coordinatorType?: number }): Promise<Broker>;
  /** Every topic, internal ones too. */
  metadata(): Promise<Metadata | null>;
}

export interface Metadata { brokers: { nodeId: number }[]; topicMetadata: { topic: string; partitionMetadata: { partitionId: number; leader: number; replicas: number[] }[] }[] }

/** A request that kafkajs does not know. */
export interface RawRequest<T> {
  request: { apiKey: number; apiVersion: number; apiName: string; encode(): Promise<{ buf: Buffer; buffer: Buffer }> };
  response: { decode(payload: Buffer): Promise<{ payload: Buffer }>; parse(decoded: { payload: Buffer }): Promise<T> };
  logResponseError: boolean;
}

/** A producer's id of a transactional id, and its epoch: whoever has an older one is fenced. */
export interface TransactionIdentity { readonly transactionalId: string; readonly producerId: string; readonly producerEpoch: number }

export interface Broker {
  readonly nodeId: string | number | null;
  /** Connections by index: 1 is for fetches, 0 for everything else. Each opens when first asked for. */
  readonly connectionPool: { getConnection(index: number): Promise<unknown>; send<T>(request: RawRequest<T>): Promise<T> };
  fetch(request: { isolationLevel: number; maxWaitTime: number; minBytes: number; maxBytes: number;
    topics: { topic: string; partitions: { partition: number; fetchOffset: string; maxBytes: number }[] }[] }): Promise<{ responses: { topicName: string; partitions: FetchedPartition[] }[] }>;
  listOffsets(request: { isolationLevel: number; topics: { topic: string; partitions: { partition: number; timestamp: number }[] }[] }): Promise<OffsetsResponse>;
  offsetFetch(request: { groupId: string; topics: { topic: string; partitions: { partition: number }[] }[] }): Promise<OffsetsResponse>;
  initProducerId(request: { transactionalId: string; transactionTimeout: number }): Promise<{ producerId: string; producerEpoch: number }>;
  addPartitionsToTxn(request: TransactionIdentity & { topics: readonly { topic: string; partitions: readonly number[] }[] }): Promise<unknown>;
  addOffsetsToTxn(request: TransactionIdentity & { groupId: string }): Promise<unknown>;
  txnOffsetCommit(request: TransactionIdentity & { groupId: string; topics: readonly { topic: string; partitions: readonly { partition: number; offset: string }[] }[] }): Promise<unknown>;
  endTxn(request: TransactionIdentity & { transactionResult: boolean }): Promise<unknown>;
  leaveGroup(request: { groupId: string; memberId: string }): Promise<unknown>;
  metadata(topics: readonly string[]): Promise<Metadata>;
}

interface OffsetsResponse { responses: { partitions: { partition: number; offset: string }[] }[] }

/** A header as the repaired decoder hands it out: in arrival order, repeated names repeated. */
export interface DecodedHeader { key: string; value: Buffer | null }

function repair(): void {
  const { version } = require('kafkajs/package.json') as { version: string };
  if (version !== KNOWN_VERSION) throw new AtsError('ATS_CLIENT_UNKNOWN', `kafkajs ${version} is installed, not ${KNOWN_VERSION}`);
  repairReadCommitted(prototypeOf<Pick<Broker, 'fetch'>>('kafkajs/src/broker/index.js', 'fetch'));
  repairHeaders(prototypeOf<{ readVarIntArray(reader: unknown): unknown[] }>('kafkajs/src/protocol/decoder.js', 'readVarIntArray'));
  repairConnect(prototypeOf<Connection>('kafkajs/src/network/connection.js', 'connect'));
  repairTimer(prototypeOf<RequestQueue>('kafkajs/src/network/requestQueue/index.js', 'scheduleCheckPendingRequests'));
}

interface Connection { readonly socketFactory: Partial<SocketFactory>; connect(): Promise<unknown> }

interface RequestQueue { pending: unknown[]; throttledUntil: number; scheduleCheckPendingRequests(): void }

function prototypeOf<T extends object>(file: string, method: keyof T & string): T {
  const type = require(file) as { prototype?: T };
  if (typeof type.prototype?.[method] !== 'function') throw new AtsError('ATS_CLIENT_UNKNOWN', `${file} has no method ${method}`);
  return type.prototype;
}

function repairReadCommitted(broker: Pick<Broker, 'fetch'>): void {
  const fetch = broker.fetch;
  broker.fetch = async function (this: Broker, request) {
    const response = await fetch.call(this, request);
    for (const topic of response.responses) topic.partitions.forEach(hideAborted);
    return response;
  };
}

/** kafkajs reads arrays with varint lengths for record headers alone, and folds what it gets with `reduce`: the list itself is the better result. */
function repairHeaders(decoder: { readVarIntArray(reader: unknown): unknown[] }): void {
  const readVarIntArray = decoder.readVarIntArray;
  decoder.readVarIntArray = function (reader) {
    const headers = readVarIntArray.call(this, reader);
    return Object.defineProperty(headers, 'reduce', { value: () => headers });
  };
}

function repairConnect(connection: Connection): void {
  const connect = connection.connect;
  const { KafkaJSNonRetriableError } = require('kafkajs/src/errors.js') as { KafkaJSNonRetriableError: new (message: string, options: { cause: unknown }) => Error };
  connection.connect = async function (this: Connection) {
    try {
      return await connect.call(this);
    } catch (error) {
      if (this.socketFactory.isOver?.()) throw new KafkaJSNonRetriableError('the client was closed', { cause: error });
      throw error;
    }
  };
}

/** A check is due only when requests wait or will have to. */
function repairTimer(queue: RequestQueue): void {
  const schedule = queue.scheduleCheckPendingRequests;
  queue.scheduleCheckPendingRequests = function () {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this);
  };
}
