import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { writeDeployment } from '#libs/chain';
import { EventCodec, registerSchemas, TOPICS, type KafkaRecord, type TopicName } from '#libs/events';
import { freePorts, startKafka, startRegistry, type KafkaPart, type RegistryPart } from '#libs/stack';
import { connectKafka, ensureTopics, EventProducer, LogReader, type KafkaClient } from '#libs/stream';
import { DEPLOYMENT, MadeUpChain } from '../../support/gate-chain.js';
import { SimulatedWorld, writeThrowawayCircuits, type ThrowawayCircuits } from '../../support/simulated/index.js';

const STREAMS = ['load', 'heat', 'power', 'water'];
/** The gate's topics are made anew for each row; the chain goes on. */
const ROW_TOPICS = (Object.keys(TOPICS) as TopicName[]).filter((topic) => topic !== 'chain-events');

/** A real broker and schema registry, and chain-events of a chain made up, for one gate after the other on the same messages. */
export class BenchWorld {
  kafka!: KafkaPart;
  registry!: RegistryPart;
  client!: KafkaClient;
  codec!: EventCodec;
  ids!: Record<TopicName, number>;
  circuits!: ThrowawayCircuits;
  world!: SimulatedWorld;
  producer!: EventProducer;
  reader!: LogReader;
  #chain!: MadeUpChain;
  #chainProducer!: EventProducer;
  #stopped = false;

  private constructor(readonly dir: string) {}

  static async start(dir: string, seed: string): Promise<BenchWorld> {
    const bench = new BenchWorld(dir);
    try {
      await bench.#start(seed);
      return bench;
    } catch (error) {
      await bench.stop();
      throw error;
    }
  }

  async #start(seed: string): Promise<void> {
    mkdirSync(this.dir, { recursive: true });
    const [port, controllerPort, registryPort, managementPort] = (await freePorts(4)) as [number, number, number, number];
    [this.kafka, this.registry] = await Promise.all([
      startKafka({ dir: join(this.dir, 'kafka'), port, controllerPort, heapMiB: 512 }),
      startRegistry({ dir: join(this.dir, 'registry'), port: registryPort, managementPort }),
    ]);
    this.client = connectKafka({ brokers: [this.kafka.brokers], clientId: 'bench', log: { info: () => undefined, warn: () => undefined } });
    await ensureTopics(this.client, TOPICS);
    this.ids = await registerSchemas(this.registry.url);
    this.codec = EventCodec.fromIds(this.ids);
    this.circuits = writeThrowawayCircuits(join(this.dir, 'circuits'), seed);
    this.world = new SimulatedWorld({ seed, circuits: this.circuits, deployment: DEPLOYMENT, ids: this.ids, streams: STREAMS, acceptSeconds: 604_800 });
    writeDeployment(this.deploymentFile, DEPLOYMENT);
    this.#chainProducer = new EventProducer(this.client);
    this.#chain = new MadeUpChain(this.#chainProducer, this.codec);
    this.#chain.resume();
    this.world.root = await this.#chain.register();
    await this.publish();
    this.producer = new EventProducer(this.client);
    this.reader = new LogReader(this.client, { patienceMs: 60_000 });
  }

  get deploymentFile(): string {
    return join(this.dir, 'deployment.json');
  }

  /** Puts the set of the present topics in force. */
  async publish(): Promise<void> {
    await this.#chain.publish((version) => this.world.parameterSet(version));
    await this.#chain.settle();
  }

  /** What a gate needs to know; the rest are its defaults. */
  gateEnv(): Record<string, string> {
    return {
      ATTESTREAM_KAFKA_BROKERS: this.kafka.brokers, ATTESTREAM_REGISTRY_URL: this.registry.url, ATTESTREAM_DEPLOYMENT_FILE: this.deploymentFile,
      ATTESTREAM_CIRCUITS_DIR: this.circuits.folder, ATTESTREAM_GATE_MEMBER_FILE: join(this.dir, 'member'),
    };
  }

  /** Empty topics with the partition counts of {@link TOPICS}, and no offsets of the group in them: as if no gate had ever run. */
  async emptyTopics(): Promise<void> {
    await Promise.all([this.producer.close(), this.reader.close()]);
    const admin = this.client.role('bench-admin').admin();
    await admin.connect();
    try {
      await admin.deleteTopics({ topics: [...ROW_TOPICS] });
      for (const deadline = Date.now() + 30_000; (await admin.listTopics()).some((topic) => topic !== 'chain-events' && topic in TOPICS);) {
        if (Date.now() > deadline) throw new Error('topics do not go away');
        await delay(50);
      }
    } finally {
      await admin.disconnect();
    }
    await ensureTopics(this.client, TOPICS);
    this.producer = new EventProducer(this.client);
    this.reader = new LogReader(this.client, { patienceMs: 60_000 });
  }

  /** A topic of nobody's table. */
  async makeTopic(topic: string, partitions: number): Promise<void> {
    await ensureTopics(this.client, { [topic]: { partitions, config: { 'message.timestamp.type': 'LogAppendTime' } } });
  }

  /** All committed records of a topic. */
  async *readAll(topic: TopicName): AsyncGenerator<KafkaRecord> {
    for (let partition = 0; partition < TOPICS[topic].partitions; partition++) yield* this.reader.readAll(topic, partition, 0n);
  }

  /** Once is enough. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    await this.#chain?.pause();
    await Promise.all([this.producer?.close(), this.reader?.close(), this.#chainProducer?.close()]);
    this.client?.close();
    await Promise.all([this.kafka?.stop(), this.registry?.stop()]);
  }
}
