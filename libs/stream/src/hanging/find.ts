import type { KafkaClient } from '../client.js';
import { LogSession, type Persistence } from '../log-session.js';
import { decide, type Decision } from './decide.js';
import { evidenceOf } from './evidence.js';
import { look, type Look, type OpenTransaction } from './look.js';

/** A transaction that is open in a partition and that nobody will end: readers at read_committed see nothing past its first record. */
export interface HangingTransaction {
  readonly topic: string;
  readonly partition: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** Of its first record, where the last stable offset stands still. */
  readonly startOffset: bigint;
  /** Broker time of its first record, milliseconds; undefined when only its producer's clock tells. */
  readonly startedAt: number | undefined;
  /** Undefined when no coordinator knows the producer any more. */
  readonly transactionalId: string | undefined;
  /** What its coordinator takes the transactional id to be in. */
  readonly coordinatorState: string | undefined;
  readonly decision: Decision['decision'];
  readonly because: string;
}

export interface FindHangingTransactionsParameters {
  /** Leaves out what began less than this long ago. Default 0: what is found hangs, however young. */
  olderThanMs?: number;
  /** How long a broker may be away. Default 10 s. */
  patienceMs?: number;
  signal?: AbortSignal;
}

/** Reading logs for evidence takes more than one request. */
export const EVIDENCE_MS = 120_000;

/**
 * Every hanging transaction of the cluster, with what was decided about it. Reads only.
 * @throws AtsError ATS_BROKER_UNREACHABLE
 */
export async function findHangingTransactions(kafka: KafkaClient, { olderThanMs = 0, patienceMs = 10_000, signal }: FindHangingTransactionsParameters = {}): Promise<HangingTransaction[]> {
  const session = new LogSession(kafka, 'hanging');
  try {
    const found = await findIn(session, { patienceMs, ...(signal && { signal }) });
    return found.map(({ told }) => told).filter(({ startedAt }) => olderThanMs === 0 || startedAt === undefined || Date.now() - startedAt >= olderThanMs);
  } finally {
    await session.close();
  }
}

export interface Found { readonly told: HangingTransaction; readonly open: OpenTransaction; readonly seen: Look }

export async function findIn(session: LogSession, persistence: Persistence): Promise<Found[]> {
  return await session.ask('hanging transactions', { ...persistence, answerMs: EVIDENCE_MS }, async (cluster) => {
    const seen = await look(cluster, { ...(persistence.signal && { signal: persistence.signal }) });
    const evidence = await evidenceOf(cluster, seen, seen.hanging);
    return seen.hanging.map((open, i) => {
      const coordinator = seen.coordinators.get(open.producerId);
      const { decision, because } = decide(evidence[i]!);
      return {
        seen, open,
        told: {
          topic: open.topic, partition: open.partition, producerId: open.producerId, producerEpoch: open.producerEpoch, startOffset: open.startOffset,
          startedAt: evidence[i]!.startedAt, transactionalId: coordinator?.transactionalId, coordinatorState: coordinator?.state, decision, because,
        },
      };
    });
  });
}
