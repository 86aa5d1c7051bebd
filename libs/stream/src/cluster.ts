import { AtsError } from '#libs/errors';
import type { KafkaClient } from './client.js';
import { isPassing, lasting } from './failures.js';
import { backoff, pause, within } from './time.js';

/**
 * The id that the cluster got when it was formatted: it tells a cluster from another one that answers at the same address.
 * @throws AtsError ATS_BROKER_UNREACHABLE when no broker answers in `patienceMs`
 */
export async function clusterIdOf(kafka: KafkaClient, { patienceMs = 10_000 }: { patienceMs?: number } = {}): Promise<string> {
  const deadline = Date.now() + patienceMs;
  for (let attempt = 0; ; attempt++) {
    const admin = kafka.watched(kafka.role('cluster', { retries: 2 }).admin());
    try {
      const { clusterId } = await within(patienceMs, 'cluster id', admin.connect().then(() => admin.describeCluster()));
      if (!clusterId) throw new AtsError('ATS_INTERNAL', 'the broker tells no cluster id');
      return clusterId;
    } catch (error) {
      if (!isPassing(error) || Date.now() > deadline) throw lasting(kafka.brokers, 'cluster id', error);
    } finally {
      await admin.disconnect();
    }
    await pause(backoff(attempt));
  }
}
