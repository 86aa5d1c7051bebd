import { AtsError } from '#libs/errors';
import type { KafkaClient } from '../client.js';
import { LogSession } from '../log-session.js';
import { pause } from '../time.js';
import { nameOf } from './decide.js';
import { look } from './look.js';

/** How long a decided transaction may wait for its last markers. */
const SETTLE_MS = 10_000;

/**
 * Resolves when no transaction of this transactional id is open in any partition, after waiting for markers that its coordinator still has to write. To be called
 * before the id's producer begins one: the marker of that one would also end a forgotten one, whatever had been decided about it.
 * @throws AtsError ATS_TRANSACTION_HANGING
 */
export async function requireSettled(kafka: KafkaClient, transactionalId: string): Promise<void> {
  const session = new LogSession(kafka, 'guard');
  try {
    for (const deadline = Date.now() + SETTLE_MS; ; await pause(20)) {
      const seen = await session.ask(`settled transactions of ${transactionalId}`, { patienceMs: SETTLE_MS }, (cluster) => look(cluster));
      const isOurs = ({ producerId }: { producerId: bigint }) => seen.coordinators.get(producerId)?.transactionalId === transactionalId;
      const hanging = seen.hanging.filter(isOurs);
      if (hanging.length > 0) {
        throw new AtsError('ATS_TRANSACTION_HANGING', `${transactionalId} left one open in ${hanging.map((place) => `${nameOf(place)} from offset ${place.startOffset}`).join(', ')}`);
      }
      const open = seen.open.filter(isOurs);
      if (open.length === 0) return;
      if (Date.now() > deadline) throw new AtsError('ATS_LOG_UNREADABLE', `a transaction of ${transactionalId} still lacks its markers in ${open.map(nameOf).join(', ')} after ${SETTLE_MS} ms`);
    }
  } finally {
    await session.close();
  }
}
