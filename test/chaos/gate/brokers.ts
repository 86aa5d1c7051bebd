import { join } from 'node:path';
import { freePorts, startKafkaCluster, type KafkaPart } from '#libs/stack';
import { startRepairedKafka } from '../../../apps/cli/src/setup/kafka.js';

/** The brokers of a run, whose processes can be killed and started again. */
export interface Brokers {
  /** `host:port` of each. */
  readonly addresses: readonly string[];
  /** Copies of each record. */
  readonly copies: number;
  /** Of the process, where one node is everything. */
  readonly pid: number | undefined;
  kill(broker: number): Promise<void>;
  start(broker: number): Promise<void>;
  stop(): Promise<void>;
}

/** Three brokers with a controller of their own, or one node that is everything. */
export async function startBrokers(kind: 'cluster' | 'single', folder: string, say: (line: string) => void): Promise<Brokers> {
  if (kind === 'cluster') {
    const cluster = await startKafkaCluster({ folder });
    return { addresses: cluster.addresses, copies: 3, pid: undefined, kill: (broker) => cluster.kill(broker), start: (broker) => cluster.start(broker), stop: () => cluster.stop() };
  }
  const [port, controllerPort] = (await freePorts(2)) as [number, number];
  // As make run starts its own: a single node that was killed forgets markers.
  const start = () => startRepairedKafka({ dir: join(folder, 'single'), port, controllerPort, heapMiB: 256 }, say);
  let part: KafkaPart = await start();
  return {
    addresses: [part.brokers], copies: 1,
    get pid() { return part.pid; },
    async kill() {
      part.kill('SIGKILL');
      await part.exited;
    },
    async start() { part = await start(); },
    stop: () => part.stop(),
  };
}
