import { join } from 'node:path';
import { COMMON_PROPERTIES, copies, newClusterId, startKafkaNode } from './kafka-node.js';
import type { Part } from './part.js';
import { freePorts } from './ports.js';

export interface StartKafkaClusterParameters {
  /** One folder a node in it. */
  folder: string;
  /** Default 3, which is the fewest. */
  brokers?: number;
  /** Of each broker. */
  heapMiB?: number;
  signal?: AbortSignal;
}

/** Several brokers and one controller of their own, all on 127.0.0.1. */
export interface KafkaCluster {
  /** Every broker as `host:port`, separated by commas, whether it runs or not. */
  readonly brokers: string;
  readonly addresses: readonly string[];
  /** The process of a broker, numbered from 0; undefined while it is down. */
  part(broker: number): Part | undefined;
  /** SIGKILL. Resolves when the process is gone; its data stay. */
  kill(broker: number): Promise<void>;
  /** Starts a broker that is down. Resolves when it serves clients; it may still be behind the others. */
  start(broker: number): Promise<void>;
  /** Stops everything, the controller last. */
  stop(): Promise<void>;
}

/** How many brokers have each record, and how many must have it before it is acknowledged: any one may be lost without loss or stop. */
const REPLICAS = 3;
const IN_SYNC = 2;
const CONTROLLER_ID = 100;
const CONTROLLER_HEAP_MIB = 128;

/** A broker that is silent for this long has its partitions led by others. Kafka's default of 9 s makes each kill of a test last longer and shows nothing more. */
const SESSION = { 'broker.session.timeout.ms': 6000, 'broker.heartbeat.interval.ms': 1000 };

/** The processes share a small machine. */
const THREADS = { 'num.network.threads': 2, 'num.io.threads': 4 };

/** A cluster as it is run for real: replication 3, `min.insync.replicas` 2, internal topics included, no unclean election. */
export async function startKafkaCluster({ folder, brokers: count = REPLICAS, heapMiB = 256, signal }: StartKafkaClusterParameters): Promise<KafkaCluster> {
  if (count < REPLICAS) throw new RangeError(`${count} brokers cannot keep ${REPLICAS} copies`);
  const [controllerPort, ...ports] = (await freePorts(count + 1)) as [number, ...number[]];
  const clusterId = newClusterId();
  const addresses = ports.map((port) => `127.0.0.1:${port}`);
  const shared = {
    ...COMMON_PROPERTIES, ...copies(REPLICAS, IN_SYNC), ...SESSION, ...THREADS,
    'controller.quorum.bootstrap.servers': `127.0.0.1:${controllerPort}`,
    'unclean.leader.election.enable': false,
  };
  const running = new Map<number, Part>();
  const controller = await startKafkaNode({
    name: 'kafka-controller', dir: join(folder, 'controller'), heapMiB: CONTROLLER_HEAP_MIB, flags: ['-XX:TieredStopAtLevel=1'], signal, clusterId, formatFlag: '--standalone',
    properties: { ...shared, 'process.roles': 'controller', 'node.id': CONTROLLER_ID, listeners: `CONTROLLER://127.0.0.1:${controllerPort}` },
  });
  const cluster: KafkaCluster = {
    brokers: addresses.join(','),
    addresses,
    part: (broker) => running.get(broker),
    async kill(broker) {
      const part = running.get(broker);
      running.delete(broker);
      part?.kill('SIGKILL');
      await part?.exited;
    },
    async start(broker) {
      if (running.has(broker)) throw new RangeError(`broker ${broker} runs already`);
      const listener = `PLAINTEXT://${addresses[broker]!}`;
      running.set(broker, await startKafkaNode({
        name: `kafka-${broker}`, dir: join(folder, `broker-${broker}`), heapMiB, signal, clusterId, formatFlag: '--no-initial-controllers',
        properties: { ...shared, 'process.roles': 'broker', 'node.id': broker, listeners: listener, 'advertised.listeners': listener },
      }));
    },
    async stop() {
      // At once: the last one alone could hand its partitions to nobody and would wait for that.
      await Promise.all([...running.values()].map((part) => part.stop()));
      running.clear();
      await controller.stop();
    },
  };
  const started = await Promise.allSettled(addresses.map((_, broker) => cluster.start(broker)));
  const failed = started.find((one) => one.status === 'rejected');
  if (failed) {
    await cluster.stop();
    throw failed.reason;
  }
  return cluster;
}
