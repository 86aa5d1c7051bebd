import { AtsError } from '#libs/errors';
import type { KafkaClient } from '../client.js';
import { describe } from '../failures.js';
import type { Cluster } from '../kafkajs.js';
import { LogSession, type Persistence } from '../log-session.js';
import { isSame, mayEnd, nameOf } from './decide.js';
import { findIn, type Found, type HangingTransaction } from './find.js';
import { brokerOf, isSameTransaction, look, type OpenTransaction } from './look.js';
import { writeMarker } from './requests.js';

export interface RepairHangingTransactionsParameters {
  /** Aborts what nothing tells to have been committed. Only for a person who has looked: aborting what was committed splits a transaction. */
  assumeAborted?: boolean;
  /** How long a broker may be away. Default 30 s. */
  patienceMs?: number;
  signal?: AbortSignal;
}

/** What was done about a hanging transaction in one partition. */
export interface Repair {
  readonly transaction: HangingTransaction;
  /** `gone`: somebody else had ended it by then. */
  readonly outcome: 'committed' | 'aborted' | 'refused' | 'gone';
  /** Of the decision, or why nothing was done. */
  readonly because: string;
}

/** States in which a coordinator works on a transaction of the id, which an init would disturb. */
const BUSY = new Set(['Ongoing', 'PrepareCommit', 'PrepareAbort', 'PrepareEpochFence']);

/**
 * Writes the marker that each hanging transaction lacks: of a commit where it was decided to commit, of an abort where that was decided, none where nothing tells.
 * Its transactional id is initialized first, so that no producer which is still alive can begin another transaction that the marker would end.
 * May be run again at any time, also after it was killed.
 * @throws AtsError ATS_BROKER_UNREACHABLE
 */
export async function repairHangingTransactions(kafka: KafkaClient, { assumeAborted = false, patienceMs = 30_000, signal }: RepairHangingTransactionsParameters = {}): Promise<Repair[]> {
  const session = new LogSession(kafka, 'repair');
  const persistence = { patienceMs, ...(signal && { signal }) };
  try {
    const repairs: Repair[] = [];
    for (const found of await findIn(session, persistence)) repairs.push(await repair(session, persistence, found, assumeAborted));
    return repairs;
  } finally {
    await session.close();
  }
}

async function repair(session: LogSession, persistence: Persistence, found: Found, assumeAborted: boolean): Promise<Repair> {
  const { told: transaction, open, seen } = found;
  const refused = (because: string): Repair => ({ transaction, outcome: 'refused', because });
  if (!mayEnd(transaction.decision, assumeAborted)) return refused(transaction.because);
  const coordinator = seen.coordinators.get(open.producerId);
  if (coordinator && BUSY.has(coordinator.state)) {
    return refused(`a later transaction of ${coordinator.transactionalId} is ${coordinator.state}; run this again once it has ended, ${coordinator.timeoutMs} ms after it began at the latest`);
  }
  const commit = transaction.decision === 'commit';
  const because = transaction.decision === 'unknown' ? `assumed by hand: ${transaction.because}` : transaction.because;
  try {
    if (coordinator) {
      await session.ask(`init of ${coordinator.transactionalId}`, persistence, async (cluster) => {
        await (await brokerOf(cluster, coordinator.broker)).initProducerId({ transactionalId: coordinator.transactionalId, transactionTimeout: coordinator.timeoutMs });
      });
    }
    const wrote = await session.ask(`marker in ${nameOf(open)}`, persistence, async (cluster) => {
      const now = await stillHanging(cluster, open);
      if (!now) return false;
      const { producerId, producerEpoch, coordinatorEpoch } = now;
      await writeMarker(await brokerOf(cluster, now.leader), now, { producerId, producerEpoch, coordinatorEpoch: Math.max(coordinatorEpoch, 0), commit });
      if (await stillHanging(cluster, open)) throw new AtsError('ATS_INTERNAL', `the broker took a marker for ${nameOf(open)} and left the transaction open`);
      return true;
    });
    return { transaction, outcome: wrote ? (commit ? 'committed' : 'aborted') : 'gone', because };
  } catch (error) {
    return refused(describe(error));
  }
}

async function stillHanging(cluster: Cluster, open: OpenTransaction): Promise<OpenTransaction | undefined> {
  const { hanging } = await look(cluster, { isWanted: (place) => isSame(place, open) });
  return hanging.find((now) => isSameTransaction(now, open));
}
