import { createRequire } from 'node:module';
import type { Broker, RawRequest } from './kafkajs.js';

const require = createRequire(import.meta.url);
/** Of Produce, version 7: throws kafkajs's error for the first partition that was refused. */
const response = require('kafkajs/src/protocol/requests/produce/v7/response.js') as RawRequest<unknown>['response'];

const PRODUCE = 0;
const VERSION = 7;
const ALL_REPLICAS = -1;
const TIMEOUT_MS = 30_000;

export interface RawProduceRequest {
  readonly transactionalId: string;
  /** Encoded batches, by topic. */
  readonly topics: readonly (readonly [topic: string, partitions: readonly { readonly partition: number; readonly batch: Buffer }[]])[];
}

/** One produce request (Produce, version 7) of batches that are bytes already. Resolves when all replicas in sync have them; throws kafkajs's error for the broker's. */
export async function rawProduce(leader: Broker, request: RawProduceRequest): Promise<void> {
  const body = encode(request);
  await leader.connectionPool.send({
    request: { apiKey: PRODUCE, apiVersion: VERSION, apiName: 'Produce', encode: async () => ({ buf: body, buffer: body }) },
    response,
    logResponseError: false,
  });
}

/** Transactional id, acks, timeout, topics: name, partitions: number, batch. */
function encode({ transactionalId, topics }: RawProduceRequest): Buffer {
  const parts = [string(transactionalId), Buffer.alloc(10)];
  const head = parts[1]!;
  head.writeInt16BE(ALL_REPLICAS, 0);
  head.writeInt32BE(TIMEOUT_MS, 2);
  head.writeInt32BE(topics.length, 6);
  for (const [topic, partitions] of topics) {
    parts.push(string(topic), int32(partitions.length));
    for (const { partition, batch } of partitions) parts.push(int32(partition), int32(batch.length), batch);
  }
  return Buffer.concat(parts);
}

function string(text: string): Buffer {
  const bytes = Buffer.from(`00${text}`);
  bytes.writeInt16BE(bytes.length - 2, 0);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value);
  return bytes;
}
