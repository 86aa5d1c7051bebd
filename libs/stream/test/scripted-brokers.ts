import type { KafkaClient } from '../src/client.js';
import { protocolError } from '../src/kafkajs.js';
import type { Unbroken } from '../src/unbroken.js';

/** Of the protocol's errors. */
export const CODES = { UNKNOWN_TOPIC: 3, NOT_LEADER: 6, LOADING: 14, NOT_AVAILABLE: 15, NOT_COORDINATOR: 16, FENCED: 47, CONCURRENT: 51 };
/** Of a record batch: where its sequence number is. */
const SEQUENCE_AT = 53;

interface ProduceHead { readonly transactionalId: string; readonly acks: number; readonly timeoutMs: number }

/** Brokers of one cluster that note each request, and answer the next ones of a name with these errors first. */
export class ScriptedBrokers {
  readonly asked: string[] = [];
  /** The same, each by the broker that was asked. */
  readonly served: string[] = [];
  readonly batches: Buffer[] = [];
  /** What each produce request says beside its batches. */
  readonly heads: ProduceHead[] = [];
  /** What each InitProducerId asked for. */
  readonly inits: { transactionalId: string; transactionTimeout: number }[] = [];
  readonly errors = new Map<string, number[]>();
  /** By topic/partition; broker 1 leads all others. */
  readonly leaders = new Map<string, number>();
  /** By type; broker 1 is the others. */
  readonly coordinators = new Map<number, number>();
  refreshes = 0;
  hold: Promise<void> | undefined;
  /** How often it was looked into what hangs: nothing does. */
  looks = 0;
  /** What the client was given to notice ended connections by. */
  unbroken: Unbroken | undefined;

  readonly cluster = {
    addMultipleTargetTopics: async () => undefined,
    findTopicPartitionMetadata: () => [0, 1, 2, 3],
    findLeaderForPartitions: (topic: string, partitions: number[]) => ({ [this.leaders.get(`${topic}/${partitions[0]}`) ?? 1]: partitions }),
    findBroker: async ({ nodeId }: { nodeId: string }) => this.#broker(Number(nodeId)),
    findGroupCoordinator: async ({ coordinatorType }: { coordinatorType: number }) => {
      await this.#answer(`FindCoordinator ${coordinatorType}`, undefined);
      return this.#broker(this.coordinators.get(coordinatorType) ?? 1);
    },
    metadata: async () => {
      this.looks++;
      return { brokers: [], topicMetadata: [] };
    },
    refreshMetadataIfNecessary: async () => undefined,
    refreshMetadata: async () => {
      this.refreshes++;
      await this.#answer('Metadata', undefined);
    },
  };

  readonly kafka = {
    role: (_name: string, { unbroken }: { unbroken?: Unbroken }) => {
      this.unbroken = unbroken ?? this.unbroken;
      return {
        consumer: ({ partitionAssigners }: { partitionAssigners: ((config: object) => unknown)[] }) => {
          partitionAssigners[0]!({ cluster: this.cluster });
          return { connect: async () => undefined, disconnect: async () => undefined };
        },
      };
    },
    watched: <T>(part: T) => part,
  } as unknown as KafkaClient;

  #broker(nodeId: number) {
    const answer = async <T>(name: string, result: T, detail?: string): Promise<T> => {
      this.served.push(`${nodeId} ${name}`);
      return await this.#answer(name, result, detail);
    };
    return {
      nodeId,
      initProducerId: async (request: { transactionalId: string; transactionTimeout: number }) => {
        this.inits.push(request);
        return await answer('InitProducerId', { producerId: '7', producerEpoch: 3 });
      },
      addPartitionsToTxn: async ({ topics }: { topics: { topic: string; partitions: number[] }[] }) =>
        await answer('AddPartitionsToTxn', undefined, topics.flatMap(({ topic, partitions }) => partitions.map((p) => `${topic}/${p}`)).join(',')),
      addOffsetsToTxn: async ({ groupId }: { groupId: string }) => await answer('AddOffsetsToTxn', undefined, groupId),
      txnOffsetCommit: async ({ topics: [topic] }: { topics: { topic: string; partitions: { partition: number; offset: string }[] }[] }) =>
        await answer('TxnOffsetCommit', undefined, `${topic!.topic}/${topic!.partitions[0]!.partition}=${topic!.partitions[0]!.offset}`),
      endTxn: async ({ transactionResult }: { transactionResult: boolean }) => await answer('EndTxn', undefined, String(transactionResult)),
      connectionPool: {
        send: async ({ request }: { request: { encode(): Promise<{ buffer: Buffer }> } }) => {
          const { batches, ...head } = produced((await request.encode()).buffer);
          this.heads.push(head);
          this.batches.push(...batches.map(({ batch }) => batch));
          return await answer('Produce', undefined, `${nodeId}: ${batches.map(({ place, batch }) => `${place}#${batch.readInt32BE(SEQUENCE_AT)}`).join(',')}`);
        },
      },
    };
  }

  async #answer<T>(name: string, answer: T, detail = ''): Promise<T> {
    this.asked.push(detail === '' ? name : `${name} ${detail}`);
    if (name === 'Produce') await this.hold;
    const error = this.errors.get(name)?.shift();
    if (error !== undefined) throw protocolError(error);
    return answer;
  }
}

/** Transactional id, acks, timeout, topics: name, partitions: number, batch. */
function produced(body: Buffer): ProduceHead & { batches: { place: string; batch: Buffer }[] } {
  const batches: { place: string; batch: Buffer }[] = [];
  let at = 2 + body.readInt16BE(0);
  const head: ProduceHead = { transactionalId: body.toString('utf8', 2, at), acks: body.readInt16BE(at), timeoutMs: body.readInt32BE(at + 2) };
  at += 6;
  const topics = body.readInt32BE(at);
  at += 4;
  for (let t = 0; t < topics; t++) {
    const topic = body.toString('utf8', at + 2, at + 2 + body.readInt16BE(at));
    at += 2 + topic.length;
    const partitions = body.readInt32BE(at);
    at += 4;
    for (let p = 0; p < partitions; p++) {
      const length = body.readInt32BE(at + 4);
      batches.push({ place: `${topic}/${body.readInt32BE(at)}`, batch: body.subarray(at + 8, at + 8 + length) });
      at += 8 + length;
    }
  }
  if (at !== body.length) throw new Error(`a request of ${body.length} bytes says that it has ${at}`);
  return { ...head, batches };
}
