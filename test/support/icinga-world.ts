import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { EventCodec, partitionOf, registerSchemas, TOPICS, type EventOf, type OutgoingRecord } from '#libs/events';
import { IcingaClient, readCredentials, type ServiceView } from '#libs/icinga';
import { freePorts, startIcinga, startKafka, startRegistry, type IcingaPart, type KafkaPart, type RegistryPart } from '#libs/stack';
import { connectKafka, ensureTopics, EventProducer, LogReader, type KafkaClient } from '#libs/stream';
import { until } from './gate-until.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const TOPIC = 'telemetry.verified';
export const EPOCH_SECONDS = 30;
export const nowEpoch = () => Math.floor(Date.now() / 1_000 / EPOCH_SECONDS);

export interface Line {
  readonly level: string;
  readonly msg: string;
  readonly url?: string;
  readonly code?: string;
}

/** A verified event; what is left out is good, and as of now. */
export interface Verified {
  household?: number;
  stream?: string;
  epoch?: number;
  state?: EventOf<typeof TOPIC>['state'];
  /** How long ago the source record reached the broker. */
  ageSeconds?: number;
  late?: boolean;
}

export const hostOf = (household: number) => createHash('sha256').update(String(household)).digest('hex').replace(/^./, '0');

/** Real broker, registry and Icinga2, and the sink as a process of its own; the gate's part is played by the test. */
export class IcingaWorld {
  readonly dir = mkdtempSync(join(tmpdir(), 'attestream-sink-'));
  readonly lines: Line[] = [];
  kafka!: KafkaPart;
  registry!: RegistryPart;
  icinga!: IcingaPart;
  client!: KafkaClient;
  codec!: EventCodec;
  producer!: EventProducer;
  reader!: LogReader;
  viewer!: IcingaClient;
  #ports!: number[];
  #sink: ChildProcess | undefined;
  #url = '';

  private constructor(private readonly confDir?: string) {}

  /** @param confDir the objects' configuration of Icinga2; default: `icinga/` */
  static async start(confDir?: string): Promise<IcingaWorld> {
    const world = new IcingaWorld(confDir);
    world.#ports = await freePorts(5);
    await Promise.all([world.startBroker(), world.startRegistry(), world.startIcinga()]);
    world.client = connectKafka({ brokers: [world.kafka.brokers], clientId: 'test', log: { info: () => undefined, warn: () => undefined } });
    await ensureTopics(world.client, TOPICS);
    world.codec = EventCodec.fromIds(await registerSchemas(world.registry.url));
    world.producer = new EventProducer(world.client);
    world.reader = new LogReader(world.client, { patienceMs: 30_000 });
    const { icinga } = world;
    world.viewer = new IcingaClient({ url: icinga.url, ca: readFileSync(icinga.caFile, 'utf8'), credentials: readCredentials(icinga.viewerCredentialsFile) });
    return world;
  }

  async startBroker(): Promise<void> {
    this.kafka = await startKafka({ dir: join(this.dir, 'kafka'), port: this.#ports[0]!, controllerPort: this.#ports[1]! });
  }

  async startRegistry(): Promise<void> {
    this.registry = await startRegistry({ dir: join(this.dir, 'registry'), port: this.#ports[2]!, managementPort: this.#ports[3]! });
  }

  async startIcinga(): Promise<void> {
    this.icinga = await startIcinga({ dir: join(this.dir, 'icinga'), port: this.#ports[4]!, ...(this.confDir !== undefined && { confDir: this.confDir }) });
  }

  async crashIcinga(): Promise<void> {
    this.icinga.kill('SIGKILL');
    await this.icinga.exited;
  }

  /** Resolves when the sink's health answers. */
  async startSink(env: Record<string, string> = {}): Promise<void> {
    const before = this.lines.length;
    const child = spawn(process.execPath, ['--import', './bin/typescript.mjs', 'apps/icinga-sink/src/main.ts'], {
      cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], env: {
        PATH: process.env['PATH'], HOME: process.env['HOME'], ATTESTREAM_HTTP_PORT: '0', ATTESTREAM_KAFKA_BROKERS: this.kafka.brokers,
        ATTESTREAM_REGISTRY_URL: this.registry.url, ATTESTREAM_ICINGA_URL: this.icinga.url, ATTESTREAM_ICINGA_CA_FILE: this.icinga.caFile,
        ATTESTREAM_ICINGA_CREDENTIALS_FILE: this.icinga.sinkCredentialsFile, ATTESTREAM_SINK_MEMBER_FILE: join(this.dir, 'member'), ...env,
      },
    });
    this.#sink = child;
    createInterface(child.stdout).on('line', (text) => { if (text.startsWith('{')) this.lines.push(JSON.parse(text) as Line); });
    let stderr = '';
    child.stderr.on('data', (text) => { stderr += String(text); });
    const find = () => this.lines.slice(before).find(({ msg }) => msg === 'health and metrics answer');
    await until("the sink's health", () => {
      if (child.exitCode !== null) throw new Error(`the sink ended: ${stderr}`);
      return find() !== undefined;
    }, 60_000);
    this.#url = find()!.url!;
  }

  /** Sends a signal and waits for the end; the exit code, null after a signal. */
  async endSink(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#sink;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return null;
    const ended = once(child, 'close') as Promise<[number | null]>;
    child.kill(signal);
    return (await ended)[0];
  }

  get sinkPid(): number | undefined {
    return this.#sink?.pid;
  }

  async readiness(): Promise<{ ready: boolean; waitingFor: Record<string, string> }> {
    return (await (await fetch(`${this.#url}/health/ready`)).json()) as { ready: boolean; waitingFor: Record<string, string> };
  }

  async ready(): Promise<void> {
    await until('the sink is ready', async () => (await this.readiness()).ready, 60_000);
  }

  /** Sum of the samples of this name whose labels hold. */
  async metric(name: string, label = ''): Promise<number> {
    const text = await (await fetch(`${this.#url}/metrics`)).text();
    return text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(label)).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** Lines of this level or worse since the given index, by code. */
  complaints(since: number): string[] {
    return this.lines.slice(since).filter(({ level }) => ['warn', 'error', 'fatal'].includes(level)).map(({ code, msg }) => code ?? msg);
  }

  async send(...events: Verified[]): Promise<void> {
    await this.producer.send(events.map((event) => this.record(event)));
  }

  /** Bytes that are no event, on the partition of a household. */
  async sendRaw(household: number, value: Buffer): Promise<void> {
    const key = Buffer.from(hostOf(household), 'hex');
    await this.producer.send([{ topic: TOPIC, partition: partitionOf(key, TOPICS[TOPIC].partitions), key, value, headers: {} }]);
  }

  /** Records before the group's committed offset, over all partitions, against those in the topic. */
  async lag(): Promise<number> {
    const partitions = Array.from({ length: TOPICS[TOPIC].partitions }, (_, i) => i);
    const lags = await Promise.all(partitions.map(async (partition) =>
      Number(await this.reader.highWatermark(TOPIC, partition)) - Number((await this.reader.committed('icinga-sink', TOPIC, partition)) ?? 0n)));
    return lags.reduce((sum, lag) => sum + lag, 0);
  }

  async drained(): Promise<void> {
    await until('everything is committed', async () => (await this.lag()) === 0, 60_000).catch(async (error: unknown) => {
      throw new Error(`${String(error)}: ${await this.lag()} records wait; ${JSON.stringify([await this.readiness(), ...this.lines.slice(-5)])}`);
    });
  }

  async service(household: number, stream: string): Promise<ServiceView | undefined> {
    return (await this.viewer.services()).find(({ host, service }) => host === hostOf(household) && service === stream);
  }

  async stop(): Promise<void> {
    await this.endSink('SIGKILL');
    await this.viewer?.close();
    await this.reader?.close();
    await this.producer?.close();
    this.client?.close();
    await Promise.all([this.kafka?.stop(), this.registry?.stop(), this.icinga?.stop()]);
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** The record of a verified event, as the gate writes it. */
  record({ household = 1, stream = 'load', epoch = nowEpoch(), state = 'OK', ageSeconds = 0, late = false }: Verified): OutgoingRecord {
    const pseudonym = Buffer.from(hostOf(household), 'hex');
    const partition = partitionOf(pseudonym, TOPICS[TOPIC].partitions);
    const timestamp = Date.now() - ageSeconds * 1_000;
    const value = this.codec.encode(TOPIC, {
      source: { topic: 'telemetry', partition, offset: 0, timestamp, hash: Buffer.alloc(32) },
      pseudonym, stream, epoch, policyFamily: 'home', state, nullifier: Buffer.alloc(32), commitment: Buffer.alloc(32), circuit: 'telemetry16', parameterVersion: 1,
      registryBlock: { number: 7, hash: Buffer.alloc(32) }, windowEnd: (epoch + 1) * EPOCH_SECONDS * 1_000, partitionClock: timestamp, epochFloor: 0, late,
    });
    return { topic: TOPIC, partition, key: pseudonym, value, headers: {} };
  }
}
