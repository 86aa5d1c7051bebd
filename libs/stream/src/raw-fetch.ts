import { createRequire } from 'node:module';
import type { Broker, RawRequest } from './kafkajs.js';
import type { RawPartition } from './value-block.js';

const require = createRequire(import.meta.url);
const fetchRequest = require('kafkajs/src/protocol/requests/fetch/v11/request.js') as (request: object) => RawRequest<RawPartition>['request'];
const { createErrorFromCode } = require('kafkajs/src/protocol/error.js') as { createErrorFromCode(code: number): Error };

const READ_COMMITTED = 1;

export interface RawFetchRequest { topic: string; partition: number; from: bigint; maxWaitMs: number; maxBytes: number }

/** One fetch of one partition (Fetch, version 11), with its record batches left as bytes. Throws kafkajs's error for the broker's. */
export async function rawFetch(leader: Broker, { topic, partition, from, maxWaitMs, maxBytes }: RawFetchRequest): Promise<RawPartition> {
  return await leader.connectionPool.send<RawPartition>({
    request: fetchRequest({
      replicaId: -1, isolationLevel: READ_COMMITTED, maxWaitTime: maxWaitMs, minBytes: 1, maxBytes,
      topics: [{ topic, partitions: [{ partition, fetchOffset: from.toString(), maxBytes }] }],
    }),
    response: { decode: async (payload) => ({ payload }), parse: async ({ payload }) => decodeResponse(payload) },
    logResponseError: false,
  });
}

/** Throttle time, error, session, topics: name, partitions: number, error, high watermark, last stable offset, log start, aborted transactions, replica, batches. */
function decodeResponse(raw: Buffer): RawPartition {
  failFor(raw.readInt16BE(4));
  let at = 10;
  at += 4; // one topic
  at += 2 + raw.readInt16BE(at);
  at += 4 + 4; // one partition and its number
  failFor(raw.readInt16BE(at));
  const highWatermark = raw.readBigInt64BE(at + 2);
  const lastStable = raw.readBigInt64BE(at + 10);
  at += 26;
  const count = raw.readInt32BE(at);
  at += 4;
  const aborted: { producerId: bigint; firstOffset: bigint }[] = [];
  for (let n = 0; n < count; n++, at += 16) aborted.push({ producerId: raw.readBigInt64BE(at), firstOffset: raw.readBigInt64BE(at + 8) });
  at += 4;
  const length = Math.max(0, raw.readInt32BE(at));
  return { highWatermark, lastStable, aborted, batches: raw.subarray(at + 4, at + 4 + length) };
}

function failFor(code: number): void {
  if (code !== 0) throw createErrorFromCode(code);
}
