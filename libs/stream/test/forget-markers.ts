import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KafkaClient } from '../src/client.js';
import { describeTransactions } from '../src/hanging/requests.js';
import { LogSession } from '../src/log-session.js';
import { until } from './broker.js';

/** Kafka's record batch (its protocol guide, "Record Batch"): base offset, length of what follows, and so on. */
const LENGTH_AT = 8;
const HEADER = 12;
const ATTRIBUTES_AT = 21;
const CONTROL = 0x20;

/**
 * Leaves a partition of a broker that is down as a lost marker leaves it: takes the last `count` markers out of its log, and what the broker derived from it.
 * The coordinator's own log stays as it is: what it decided has been decided.
 */
export function forgetMarkers(dataDir: string, topic: string, partition: number, count = 1): void {
  const dir = join(dataDir, `${topic}-${partition}`);
  const files = readdirSync(dir);
  const segments = files.filter((name) => name.endsWith('.log'));
  if (segments.length !== 1) throw new Error(`${dir} has ${segments.length} segments, not one`);
  const file = join(dir, segments[0]!);
  const batches = batchesOf(readFileSync(file));
  for (let left = count; left > 0; left--) {
    const last = batches.findLastIndex((batch) => (batch.readInt16BE(ATTRIBUTES_AT) & CONTROL) !== 0);
    if (last < 0) throw new Error(`${dir} has no ${left} more markers`);
    batches.splice(last, 1);
  }
  writeFileSync(file, Buffer.concat(batches));
  for (const name of files) if (/\.(snapshot|index|timeindex|txnindex)$/.test(name)) rmSync(join(dir, name));
}

/** Resolves when coordinators have logged that the last transaction of each id is complete, or that the id was initialized after it: before that, a broker that is started writes its markers once more. */
export async function untilComplete(kafka: KafkaClient, transactionalIds: readonly string[]): Promise<void> {
  const session = new LogSession(kafka, 'complete');
  try {
    for (const id of transactionalIds) {
      await until(`${id} is complete`, async () => await session.ask(`state of ${id}`, { patienceMs: 60_000 }, async (cluster) => {
        const [found] = await describeTransactions(await cluster.findGroupCoordinator({ groupId: id, coordinatorType: 1 }), [id]);
        return found !== undefined && /^(Complete|Empty)/.test(found.state);
      }), 120_000);
    }
  } finally {
    await session.close();
  }
}

function batchesOf(log: Buffer): Buffer[] {
  const batches: Buffer[] = [];
  for (let at = 0; at + HEADER <= log.length;) {
    const size = HEADER + log.readInt32BE(at + LENGTH_AT);
    if (size === HEADER) break; // preallocated
    batches.push(log.subarray(at, at + size));
    at += size;
  }
  return batches;
}
