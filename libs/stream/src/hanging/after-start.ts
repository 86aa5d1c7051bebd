import type { KafkaClient } from '../client.js';
import { describe } from '../failures.js';
import { LogSession } from '../log-session.js';
import { pause } from '../time.js';
import { look } from './look.js';
import { repairHangingTransactions, type Repair } from './repair.js';
import { tell } from './tell.js';

/** How long coordinators may take to load their logs and to end what they have decided. */
const SETTLE_MS = 60_000;

/**
 * Repairs what the broker left hanging when it was killed, to be called whenever it has been started, and waits until its coordinators have written the markers that
 * they still owe: only then can no other marker be forgotten. Tells of each marker, and of what it refuses. Nothing is thrown: a broker with a hanging
 * transaction is better than none, and whoever would write on refuses.
 */
export async function repairAfterStart(kafka: KafkaClient, say: (line: string) => void, signal?: AbortSignal): Promise<Repair[]> {
  const session = new LogSession(kafka, 'start');
  const persistence = { patienceMs: SETTLE_MS, ...(signal && { signal }) };
  const repairs: Repair[] = [];
  const refused = new Set<string>();
  try {
    for (const deadline = Date.now() + SETTLE_MS; Date.now() < deadline && !signal?.aborted; await pause(200, signal)) {
      const seen = await session.ask('open transactions', persistence, (cluster) => look(cluster));
      // A transaction under way is its producer's business.
      const owed = seen.open.filter((open) => seen.coordinators.get(open.producerId)?.state !== 'Ongoing' && !refused.has(keyOf(open)));
      if (owed.length === 0) break;
      if (!seen.hanging.some((open) => !refused.has(keyOf(open)))) continue;
      for (const repair of await repairHangingTransactions(kafka, persistence)) {
        if (refused.has(keyOf(repair.transaction))) continue;
        if (repair.outcome === 'refused') refused.add(keyOf(repair.transaction));
        repairs.push(repair);
        say(tell(repair));
      }
    }
  } catch (error) {
    if (!signal?.aborted) say(`could not look for hanging transactions: ${describe(error)}`);
  } finally {
    await session.close();
  }
  return repairs;
}

function keyOf({ topic, partition, producerId, startOffset }: { topic: string; partition: number; producerId: bigint; startOffset: bigint }): string {
  return `${topic}/${partition}/${producerId}/${startOffset}`;
}
