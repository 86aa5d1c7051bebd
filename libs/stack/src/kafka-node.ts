import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { startPart, type Part } from './part.js';
import { resolveTools } from './tools.js';

export interface StartKafkaNodeParameters {
  name: string;
  /** Its data, configuration and log. A folder that holds data is continued. */
  dir: string;
  properties: Readonly<Record<string, string | number | boolean>>;
  clusterId: string;
  /** How the node finds its controllers, for the tool that formats its storage. */
  formatFlag: '--standalone' | '--no-initial-controllers';
  heapMiB: number;
  /** More flags of the JVM. */
  flags?: readonly string[];
  /** A folder of classes that take the place of Kafka's own, for tests that change one. */
  classesBefore?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** One process of Kafka, formatted first where its folder holds no data. */
export async function startKafkaNode({ name, dir, properties, clusterId, formatFlag, heapMiB, flags = [], classesBefore, signal }: StartKafkaNodeParameters): Promise<Part> {
  const { java, kafkaClasspath } = await resolveTools();
  mkdirSync(dir, { recursive: true });
  const data = join(dir, 'data');
  const file = join(dir, 'server.properties');
  const logging = join(dir, 'log4j2.yaml');
  writeFileSync(file, `${Object.entries({ ...properties, 'log.dirs': data }).map(([key, value]) => `${key}=${value}`).join('\n')}\n`);
  writeFileSync(logging, LOGGING);
  const common = [`-Dlog4j2.configurationFile=${logging}`, '-XX:+UseSerialGC', '-cp', classesBefore === undefined ? kafkaClasspath : `${classesBefore}${delimiter}${kafkaClasspath}`];
  if (!existsSync(join(data, 'meta.properties'))) {
    await promisify(execFile)(java, ['-Xmx128m', '-XX:TieredStopAtLevel=1', ...common, 'kafka.tools.StorageTool', 'format', formatFlag, '-t', clusterId, '-c', file]);
  }
  return await startPart({
    name,
    program: java,
    args: [`-Xms${Math.min(heapMiB, 128)}m`, `-Xmx${heapMiB}m`, ...flags, ...common, 'kafka.Kafka', file],
    logFile: join(dir, 'kafka.log'),
    ready: (log) => log().includes('Kafka Server started'),
    startSeconds: 120,
    stopSeconds: 30,
    ...(signal && { signal }),
  });
}

/** An id as Kafka makes them: 16 random bytes. The tool that formats takes one that begins with a hyphen for an option. */
export function newClusterId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}

/** What every cluster of ours has, whatever its size. */
export const COMMON_PROPERTIES = {
  'controller.listener.names': 'CONTROLLER',
  'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
  'auto.create.topics.enable': false,
  // A group's offsets outlive its consumers: a gate that was away for longer than the default week would begin again at the start.
  'offsets.retention.minutes': 2_147_483_647,
  'offsets.topic.num.partitions': 4,
  'transaction.state.log.num.partitions': 4,
  'share.coordinator.state.topic.num.partitions': 1,
  'group.initial.rebalance.delay.ms': 0,
  'log.segment.bytes': 134_217_728,
} as const;

/** How many copies of everything, internal topics included, and how many of them must have a record before it counts. */
export function copies(replicas: number, inSync: number): Record<string, number> {
  return {
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
  };
}

const LOGGING = `Configuration:
  status: warn
  Appenders:
    Console: { name: STDOUT, PatternLayout: { pattern: "[%d] %p %m (%c)%n" } }
  Loggers:
    Root: { level: INFO, AppenderRef: { ref: STDOUT } }
`;
