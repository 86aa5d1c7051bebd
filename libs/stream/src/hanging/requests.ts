import { protocolError, type Broker } from '../kafkajs.js';
import { Reader, Writer } from './wire.js';

/** The requests about transactions that kafkajs lacks. Numbers and fields: Kafka's protocol guide. Each throws kafkajs's error for what a broker refuses as a whole. */
const WRITE_TXN_MARKERS = { apiKey: 27, apiVersion: 1, apiName: 'WriteTxnMarkers' };
const DESCRIBE_PRODUCERS = { apiKey: 61, apiVersion: 0, apiName: 'DescribeProducers' };
const DESCRIBE_TRANSACTIONS = { apiKey: 65, apiVersion: 0, apiName: 'DescribeTransactions' };
const LIST_TRANSACTIONS = { apiKey: 66, apiVersion: 0, apiName: 'ListTransactions' };

const NONE = 0;
const TRANSACTIONAL_ID_NOT_FOUND = 105;

export interface Place { readonly topic: string; readonly partition: number }

/** What a partition's leader remembers of one producer. */
export interface ProducerState extends Place {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** Of the last marker, -1 before the first. */
  readonly coordinatorEpoch: number;
  /** Of the last record or marker, milliseconds. */
  readonly lastTimestamp: number;
  /** First offset of the transaction that is open here, undefined when none is. */
  readonly startOffset: bigint | undefined;
}

/** What the transaction coordinator says of a transactional id. */
export interface CoordinatorState {
  readonly transactionalId: string;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly state: string;
  readonly timeoutMs: number;
  /** Partitions of the transaction under way; once it is decided, those that have no marker yet. */
  readonly partitions: readonly Place[];
}

export interface Marker {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
  readonly commit: boolean;
}

/** The producers that the leader of these partitions remembers. */
export async function describeProducers(leader: Broker, places: readonly Place[]): Promise<ProducerState[]> {
  const body = new Writer().array([...Map.groupBy(places, ({ topic }) => topic)], (w, [topic, partitions]) =>
    w.string(topic).array(partitions, (inner, { partition }) => void inner.int32(partition)).noTags()).noTags();
  return await ask(leader, DESCRIBE_PRODUCERS, body, (r) => {
    r.int32(); // throttle time
    const topics = r.array(() => {
      const topic = r.string();
      const states = r.array(() => {
        const partition = r.int32();
        const code = r.int16();
        r.nullableString();
        if (code !== NONE) throw protocolError(code);
        return endOf(r, r.array(() => readProducerState(r, { topic, partition })));
      });
      return endOf(r, states.flat());
    });
    return topics.flat();
  });
}

function readProducerState(r: Reader, { topic, partition }: Place): ProducerState {
  const producerId = r.int64();
  const producerEpoch = r.int32();
  r.int32(); // last sequence
  const lastTimestamp = Number(r.int64());
  const coordinatorEpoch = r.int32();
  const startOffset = r.int64();
  return endOf(r, { topic, partition, producerId, producerEpoch, lastTimestamp, coordinatorEpoch, startOffset: startOffset < 0n ? undefined : startOffset });
}

/** The transactional ids, of those that this broker coordinates, that these producers write for. */
export async function listTransactions(broker: Broker, producerIds: readonly bigint[]): Promise<string[]> {
  const body = new Writer().varint(1).array(producerIds, (w, id) => void w.int64(id)).noTags();
  return await ask(broker, LIST_TRANSACTIONS, body, (r) => {
    r.int32(); // throttle time
    const code = r.int16();
    if (code !== NONE) throw protocolError(code);
    r.array(() => r.string()); // filters it does not know: we send none
    return r.array(() => {
      const transactionalId = r.string();
      r.int64();
      r.string();
      return endOf(r, transactionalId);
    });
  });
}

/** What their coordinator says of these transactional ids; those it has forgotten are left out. */
export async function describeTransactions(coordinator: Broker, transactionalIds: readonly string[]): Promise<CoordinatorState[]> {
  if (transactionalIds.length === 0) return [];
  const body = new Writer().array(transactionalIds, (w, id) => void w.string(id)).noTags();
  return await ask(coordinator, DESCRIBE_TRANSACTIONS, body, (r) => {
    r.int32(); // throttle time
    const states = r.array(() => {
      const code = r.int16();
      const transactionalId = r.string();
      const state = r.string();
      const timeoutMs = r.int32();
      r.int64(); // start of the transaction
      const producerId = r.int64();
      const producerEpoch = r.int16();
      const topics = r.array(() => {
        const topic = r.string();
        return endOf(r, r.array(() => r.int32()).map((partition) => ({ topic, partition })));
      });
      r.skipTags();
      if (code === TRANSACTIONAL_ID_NOT_FOUND) return undefined;
      if (code !== NONE) throw protocolError(code);
      return { transactionalId, producerId, producerEpoch, state, timeoutMs, partitions: topics.flat() };
    });
    return states.filter((state) => state !== undefined);
  });
}

/** Ends a producer's transaction in one partition. Needs the right to alter the cluster. */
export async function writeMarker(leader: Broker, { topic, partition }: Place, { producerId, producerEpoch, coordinatorEpoch, commit }: Marker): Promise<void> {
  const body = new Writer().array([producerId], (w) =>
    w.int64(producerId).int16(producerEpoch).boolean(commit)
      .array([topic], (inner) => inner.string(topic).array([partition], (last) => void last.int32(partition)).noTags())
      .int32(coordinatorEpoch).noTags()).noTags();
  const codes = await ask(leader, WRITE_TXN_MARKERS, body, (r) =>
    r.array(() => {
      r.int64();
      const topics = r.array(() => {
        r.string();
        return endOf(r, r.array(() => {
          r.int32();
          return endOf(r, r.int16());
        }));
      });
      return endOf(r, topics.flat());
    }).flat());
  for (const code of codes) if (code !== NONE) throw protocolError(code);
}

function endOf<T>(r: Reader, value: T): T {
  r.skipTags();
  return value;
}

/** kafkajs writes a request header without tagged fields, and hands out what follows on the correlation id: the headers' tags are ours. */
async function ask<T>(broker: Broker, request: typeof WRITE_TXN_MARKERS, body: Writer, read: (reader: Reader) => T): Promise<T> {
  const bytes = Buffer.concat([new Writer().noTags().buffer, body.buffer]);
  return await broker.connectionPool.send({
    request: { ...request, encode: async () => ({ buf: bytes, buffer: bytes }) },
    response: {
      decode: async (payload) => ({ payload }),
      parse: async ({ payload }) => read(new Reader(payload).skipTags()),
    },
    logResponseError: false,
  });
}
