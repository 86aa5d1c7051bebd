import { COMMON_PROPERTIES, copies, newClusterId, startKafkaNode } from './kafka-node.js';
import type { Part } from './part.js';

export interface StartKafkaParameters {
  /** Its data, configuration and log. A folder that holds data is continued. */
  dir: string;
  port: number;
  controllerPort: number;
  heapMiB?: number;
  /** See StartKafkaNodeParameters. */
  classesBefore?: string;
  signal?: AbortSignal;
}

export interface KafkaPart extends Part {
  /** `host:port`, as clients want it. */
  readonly brokers: string;
}

/** One combined KRaft node on 127.0.0.1, which keeps one copy of everything. Topics are never created by a client's mere mention. */
export async function startKafka({ dir, port, controllerPort, heapMiB = 512, classesBefore, signal }: StartKafkaParameters): Promise<KafkaPart> {
  const listeners = `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`;
  const part = await startKafkaNode({
    name: 'kafka', dir, heapMiB, classesBefore, signal, clusterId: newClusterId(), formatFlag: '--standalone',
    properties: {
      ...COMMON_PROPERTIES, ...copies(1, 1),
      'process.roles': 'broker,controller',
      'node.id': 1,
      'controller.quorum.bootstrap.servers': `127.0.0.1:${controllerPort}`,
      listeners,
      'advertised.listeners': listeners,
      // One that was killed may register again only when its controller, which is itself, no longer expects the one before: 9 s by default, and 2 s from try to try.
      // Not less: one that merely stood still for as long is fenced when it wakes, and may forget markers by that.
      'broker.session.timeout.ms': 6_000,
      'broker.heartbeat.interval.ms': 500,
    },
  });
  return { ...part, brokers: `127.0.0.1:${port}` };
}
