import { AtsError } from '#libs/errors';
import type { KafkaClient } from './client.js';
import { isPassing, lasting } from './failures.js';
import { backoff, pause, within } from './time.js';

/**
 * The id that the cluster got when it was formatted: it tells a cluster from another one that answers at the same address.
 * @throws AtsError ATS_BROKER_UNREACHABLE when no broker answers in `patienceMs`, or a second after the signal
 */
export async function clusterIdOf(kafka: KafkaClient, { patienceMs = 10_000, signal }: { patienceMs?: number; signal?: AbortSignal } = {}): Promise<string> {
  const deadline = Date.now() + patienceMs;
  for (let attempt = 0; ; attempt++) {
    const admin = kafka.watched(kafka.role('cluster', { retries: 2 }).admin());
    try {
      const { clusterId } = await within(patienceMs, 'cluster id', admin.connect().then(() => admin.describeCluster()), signal);
      if (!clusterId) throw new AtsError('ATS_INTERNAL', 'the broker tells no cluster id');
      return clusterId;
    } catch (error) {
      if (!isPassing(error) || Date.now() > deadline || signal?.aborted) throw lasting(kafka.brokers, 'cluster id', error);
    } finally {
      // It waits for what was asked, which may never be answered.
      await within(1000, 'disconnecting', admin.disconnect()).catch(() => undefined);
    }
    await pause(backoff(attempt), signal);
  }
}
