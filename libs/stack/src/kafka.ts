import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startPart, type Part } from './part.js';
import { resolveTools } from './tools.js';

export interface StartKafkaParameters {
  /** Its data, configuration and log. A folder that holds data is continued. */
  dir: string;
  port: number;
  controllerPort: number;
  heapMiB?: number;
  signal?: AbortSignal;
}

export interface KafkaPart extends Part {
  /** `host:port`, as clients want it. */
  readonly brokers: string;
}

/** One combined KRaft node on 127.0.0.1. Topics are never created by a client's mere mention. */
export async function startKafka({ dir, port, controllerPort, heapMiB = 512, signal }: StartKafkaParameters): Promise<KafkaPart> {
  const { java, kafkaClasspath } = await resolveTools();
  mkdirSync(dir, { recursive: true });
  const data = join(dir, 'data');
  const properties = join(dir, 'server.properties');
  const logging = join(dir, 'log4j2.yaml');
  writeFileSync(properties, serverProperties(data, port, controllerPort));
  writeFileSync(logging, LOGGING);
  const common = [`-Dlog4j2.configurationFile=${logging}`, '-XX:+UseSerialGC', '-cp', kafkaClasspath];
  if (!existsSync(join(data, 'meta.properties'))) {
    const clusterId = randomBytes(16).toString('base64url');
    await promisify(execFile)(java, ['-Xmx128m', '-XX:TieredStopAtLevel=1', ...common, 'kafka.tools.StorageTool', 'format', '--standalone', '-t', clusterId, '-c', properties]);
  }
  const part = await startPart({
    name: 'kafka',
    program: java,
    args: ['-Xms128m', `-Xmx${heapMiB}m`, ...common, 'kafka.Kafka', properties],
    logFile: join(dir, 'kafka.log'),
    ready: (log) => log().includes('Kafka Server started'),
    startSeconds: 120,
    stopSeconds: 30,
    ...(signal && { signal }),
  });
  return { ...part, brokers: `127.0.0.1:${port}` };
}

/** A single node keeps one copy of everything, its internal topics included. */
function serverProperties(data: string, port: number, controllerPort: number): string {
  const listeners = `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`;
  return `${Object.entries({
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.bootstrap.servers': `127.0.0.1:${controllerPort}`,
    listeners,
    'advertised.listeners': listeners,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': data,
    'auto.create.topics.enable': false,
    'default.replication.factor': 1,
    'min.insync.replicas': 1,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    // A group's offsets outlive its consumers: a gate that was away for longer than the default week would begin again at the start.
    'offsets.retention.minutes': 2_147_483_647,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 1,
    'group.initial.rebalance.delay.ms': 0,
    'log.segment.bytes': 134_217_728,
  }).map(([key, value]) => `${key}=${value}`).join('\n')}\n`;
}

const LOGGING = `Configuration:
  status: warn
  Appenders:
    Console: { name: STDOUT, PatternLayout: { pattern: "[%d] %p %m (%c)%n" } }
  Loggers:
    Root: { level: INFO, AppenderRef: { ref: STDOUT } }
`;
