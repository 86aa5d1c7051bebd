import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeDeployment } from '#libs/chain';
import {
  cloudEventHeaders, EventCodec, fieldFromText, fieldToBytes, messageHash, newTraceparent, registerSchemas, schemaFingerprint, TOPICS,
  type EventOf, type KafkaRecord, type OutgoingRecord, type TopicName,
} from '#libs/events';
import { deploymentScope, hashFields, telemetryPublicSignals, TELEMETRY_SIGNALS } from '#libs/proofs';
import { freePorts, startKafka, startRegistry, type KafkaPart, type RegistryPart } from '#libs/stack';
import { connectKafka, ensureTopics, EventProducer, LogReader, type KafkaClient, type SentRecord } from '#libs/stream';
import type { ParameterSet } from '#libs/verdict';
import { DEPLOYMENT, MadeUpChain } from './gate-chain.js';
import { GateProcess } from './gate-process.js';
import { Trapdoor } from './gate-trapdoor.js';
import { until } from './gate-until.js';

export const EPOCH_SECONDS = 30;
export const nowEpoch = () => Math.floor(Date.now() / 1000 / EPOCH_SECONDS);

/** What a telemetry message says; the rest follows from it. */
export interface Message {
  household?: number;
  stream?: string;
  epoch?: number;
  state?: EventOf<'telemetry'>['state'];
  root?: bigint;
  event?: Partial<EventOf<'telemetry'>>;
  trapdoor?: Trapdoor;
}

/** Real broker, real schema registry, the real gate as a process; a chain and proofs made up, so that there can be many. */
export class GateWorld {
  readonly dir = mkdtempSync(join(tmpdir(), 'attestream-gate-'));
  readonly trapdoor = new Trapdoor(TELEMETRY_SIGNALS.length);
  kafka!: KafkaPart;
  registry!: RegistryPart;
  client!: KafkaClient;
  codec!: EventCodec;
  ids!: Record<TopicName, number>;
  producer!: EventProducer;
  reader!: LogReader;
  chain!: MadeUpChain;
  gate!: GateProcess;
  root = 0n;
  #ports: number[] = [];

  /** Up to a ready gate, with one leaf and the first parameter set in force. */
  static async start(): Promise<GateWorld> {
    const world = new GateWorld();
    try {
      await world.#start();
    } catch (error) {
      await world.stop();
      throw error;
    }
    return world;
  }

  async #start(): Promise<void> {
    this.#ports = await freePorts(4);
    await Promise.all([this.startRegistry(), this.startBroker()]);
    this.client = connectKafka({ brokers: [this.kafka.brokers], clientId: 'test', log: { info: () => undefined, warn: () => undefined } });
    await ensureTopics(this.client, TOPICS);
    this.ids = await registerSchemas(this.registry.url);
    this.codec = EventCodec.fromIds(this.ids);
    this.producer = new EventProducer(this.client);
    this.reader = new LogReader(this.client, { patienceMs: 30_000 });
    this.writeKey(this.trapdoor);
    writeDeployment(join(this.dir, 'deployment.json'), DEPLOYMENT);
    this.chain = new MadeUpChain(this.producer, this.codec);
    this.chain.resume();
    this.root = await this.chain.register();
    await this.chain.publish((version) => this.parameterSet({ version }));
    this.gate = this.newGate();
    await this.gate.start();
    await this.gate.ready();
    await this.chain.settle();
  }

  /** A gate that is not yet started, with other settings where they are given. */
  newGate(settings: Readonly<Record<string, string>> = {}): GateProcess {
    return new GateProcess({
      ATTESTREAM_KAFKA_BROKERS: this.kafka.brokers,
      ATTESTREAM_REGISTRY_URL: this.registry.url,
      ATTESTREAM_DEPLOYMENT_FILE: join(this.dir, 'deployment.json'),
      ATTESTREAM_CIRCUITS_DIR: join(this.dir, 'circuits'),
      ATTESTREAM_GATE_MEMBER_FILE: join(this.dir, 'member'),
      ATTESTREAM_GATE_BATCH_RECORDS: '40',
      ...settings,
    });
  }

  async startBroker(): Promise<void> {
    const [port, controllerPort] = this.#ports as [number, number];
    this.kafka = await startKafka({ dir: join(this.dir, 'kafka'), port, controllerPort, heapMiB: 256 });
  }

  async startRegistry(): Promise<void> {
    const [, , port, managementPort] = this.#ports as [number, number, number, number];
    this.registry = await startRegistry({ dir: join(this.dir, 'registry'), port, managementPort });
  }

  /** Puts a verification key where the gate looks for it. Provers' files are not read by a gate, but must be there. */
  writeKey({ keyFile }: Trapdoor): void {
    const folder = join(this.dir, 'circuits', 'telemetry16');
    mkdirSync(folder, { recursive: true });
    for (const name of ['telemetry16.wasm', 'telemetry16.zkey']) writeFileSync(join(folder, name), '');
    writeFileSync(join(folder, 'verification-key.json'), keyFile);
  }

  parameterSet(change: Partial<ParameterSet> = {}): ParameterSet {
    return {
      schema: 'attestream/parameter-set/1',
      version: 1,
      partitions: { telemetry: 4, 'bci-intent': 4 },
      schemas: (['telemetry', 'bci-intent'] as const).map((topic) => ({ topic, id: this.ids[topic], fingerprint: schemaFingerprint(topic) })),
      statements: [{ topic: 'telemetry', kind: 1, circuit: 'telemetry16', verificationKey: this.trapdoor.keyHash, epochSeconds: EPOCH_SECONDS, acceptSeconds: 86_400, actSeconds: 90 }],
      policies: [{ topic: 'telemetry', family: 'home', stream: 'load', unit: '0.01', warnLo: 0, warnHi: 400, critLo: 0, critHi: 800, kWarn: 4, kCrit: 2 }],
      revokedRootGraceSeconds: 1,
      ...change,
    };
  }

  /** A message with a proof that holds for it, but for what the caller spoils afterwards. */
  message({ household = 1, stream = 'load', epoch = nowEpoch(), state = 'OK', root = this.root, event: change = {}, trapdoor = this.trapdoor }: Message = {}): OutgoingRecord {
    const pseudonym = fieldToBytes(hashFields(1n, BigInt(household)));
    const event: EventOf<'telemetry'> = {
      pseudonym, stream, epoch, root: fieldToBytes(root),
      nullifier: fieldToBytes(hashFields(2n, BigInt(household), fieldFromText('load'), BigInt(epoch < 0 ? 0 : epoch))),
      commitment: fieldToBytes(3n), policyFamily: 'home', state, circuit: 'telemetry16',
      sealed: { keyId: Buffer.alloc(16), encapsulatedKey: Buffer.alloc(32), ciphertext: Buffer.from('sealed') }, proof: Buffer.alloc(256),
      ...change,
    };
    const value = this.codec.encode('telemetry', event);
    const headers = cloudEventHeaders({ id: `${household}/${epoch}`, source: '/households/test', type: 'attestream.telemetry', subject: stream, time: Date.now(), traceparent: newTraceparent() });
    const record: OutgoingRecord = { topic: 'telemetry', key: event.pseudonym, value, headers };
    if (change.proof === undefined) this.prove(record, event, trapdoor);
    return record;
  }

  /** Puts a proof that holds into the end of the value. Fields that are no signals are left without. */
  prove(record: OutgoingRecord, event: EventOf<'telemetry'>, trapdoor = this.trapdoor): void {
    trapdoor.prove(this.publicSignals(record, event)).copy(record.value, record.value.length - 256);
  }

  /** What a proof of the record has to hold for. */
  publicSignals(record: OutgoingRecord, event: EventOf<'telemetry'>): bigint[] {
    const field = (bytes: Buffer) => BigInt(`0x${bytes.toString('hex')}`);
    const [policy] = this.parameterSet().policies;
    return telemetryPublicSignals({
      root: field(event.root), pseudonym: field(event.pseudonym), nullifier: field(event.nullifier), commitment: field(event.commitment),
      state: ['OK', 'WARNING', 'CRITICAL'].indexOf(event.state), scope: deploymentScope(DEPLOYMENT), stream: fieldFromText(event.stream), epoch: event.epoch,
      policyFamily: fieldFromText(event.policyFamily), warnLo: policy!.warnLo, warnHi: policy!.warnHi, critLo: policy!.critLo, critHi: policy!.critHi,
      kWarn: policy!.kWarn, kCrit: policy!.kCrit, messageHash: messageHash(record.topic, record.key, record.value, record.headers),
    });
  }

  async send(...records: OutgoingRecord[]): Promise<SentRecord[]> {
    return await this.producer.send(records);
  }

  /** All events of a topic, with the record that carries them, in offset order within a partition. */
  async events<T extends TopicName>(topic: T): Promise<{ record: KafkaRecord; event: EventOf<T> }[]> {
    const all: { record: KafkaRecord; event: EventOf<T> }[] = [];
    for (let partition = 0; partition < TOPICS[topic].partitions; partition++) {
      for await (const record of this.reader.readAll(topic, partition, 0n)) all.push({ record, event: this.codec.decode(topic, record.value) });
    }
    return all;
  }

  /** The verdicts on these records, once there is one on each. */
  async verdicts(places: readonly SentRecord[], milliseconds = 60_000): Promise<string[]> {
    const found = new Map<string, string>();
    let next = 0n;
    const wanted = places.map(placeOf);
    await until(`a verdict on each of ${places.length} records`, async () => {
      for await (const { value, offset } of this.reader.readAll('audit-log', 0, next)) {
        const entry = this.codec.decode('audit-log', value);
        found.set(placeOf(entry), entry.verdict);
        next = offset + 1n;
      }
      return wanted.every((place) => found.has(place));
    }, milliseconds);
    return wanted.map((place) => found.get(place)!);
  }

  async stop(): Promise<void> {
    await this.gate?.end('SIGTERM');
    await this.chain?.pause();
    await this.producer?.close();
    await this.reader?.close();
    this.client?.close();
    await Promise.all([this.kafka?.stop(), this.registry?.stop()]);
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export function placeOf({ topic, partition, offset }: { topic: string; partition: number; offset: bigint | number }): string {
  return `${topic}/${partition}/${offset}`;
}
