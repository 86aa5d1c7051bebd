import type { KafkaClient } from './client.js';
import type { Cluster, Consumer } from './kafkajs.js';
import type { Unbroken } from './unbroken.js';

/** Connections to the cluster, and what they are closed by. */
export interface ClusterSession { readonly cluster: Cluster; connect(): Promise<void>; disconnect(): Promise<void> }

/**
 * kafkajs's cluster object without one of its clients: connections, metadata and the protocol's requests. kafkajs hands it to each partition assigner, a documented
 * extension point; the consumer that it belongs to never runs and joins no group. Opens no connection yet.
 */
export function clusterSession(kafka: KafkaClient, role: string, options: { retries?: number; unbroken?: Unbroken } = {}): ClusterSession {
  let cluster: Cluster | undefined;
  const consumer: Consumer = kafka.watched(kafka.role(role, options).consumer({
    groupId: 'never-joined',
    allowAutoTopicCreation: false,
    partitionAssigners: [(config) => {
      cluster = (config as unknown as { cluster: Cluster }).cluster;
      return { name: 'none', version: 0, assign: async () => [], protocol: () => ({ name: 'none', metadata: Buffer.alloc(0) }) };
    }],
  }));
  return { cluster: cluster!, connect: () => consumer.connect(), disconnect: () => consumer.disconnect() };
}
