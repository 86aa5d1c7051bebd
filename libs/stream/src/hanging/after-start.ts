import type { KafkaClient } from '../client.js';
import { describe } from '../failures.js';
import { LogSession } from '../log-session.js';
import { pause } from '../time.js';
import { look } from './look.js';
import { repairHangingTransactions, type Repair } from './repair.js';
import { tell } from './tell.js';

/** How long coordinators may take to load their logs and to end what they have decided. */
const SETTLE_MS = 60_000;

/** How long a transaction is waited for that was under way when the broker was killed and whose producer may go on with it: its own time-out is mostly shorter. */
const UNDER_WAY_MS = 10_000;

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
  const began = Date.now();
  let first: ReadonlySet<string> | undefined;
  try {
    for (; Date.now() < began + SETTLE_MS && !signal?.aborted; await pause(200, signal)) {
      const seen = await session.ask('open transactions', persistence, (cluster) => look(cluster, { ...(signal && { signal }) }));
      first ??= new Set(seen.open.map(keyOf));
      const hanging = seen.hanging.filter((open) => !refused.has(keyOf(open)));
      // A transaction under way is its producer's business, but for those from before the kill: their markers can still be forgotten.
      const owed = seen.open.filter((open) => !refused.has(keyOf(open))
        && (seen.coordinators.get(open.producerId)?.state !== 'Ongoing' || (first!.has(keyOf(open)) && Date.now() < began + UNDER_WAY_MS)));
      // Of a producer that went on after its marker was forgotten, the coordinator knows what is under way now: what hangs is asked for by itself.
      if (owed.length === 0 && hanging.length === 0) break;
      if (hanging.length === 0) continue;
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
