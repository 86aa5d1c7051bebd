import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Wallet } from 'ethers';
import { writeDeployment, type Deployment } from '#libs/chain';
import { EventCodec, registerSchemas, TOPICS } from '#libs/events';
import { freePorts, startKafka, startKafkaCluster, startRegistry, type KafkaCluster, type KafkaPart, type RegistryPart } from '#libs/stack';
import { connectKafka, ensureTopics, EventProducer, LogReader, repairAfterStart, type KafkaClient, type SentRecord } from '#libs/stream';
import { startLocalChain, type LocalChain } from '../../../libs/chain/test/local-chain.js';
import { DEPLOYMENT, MadeUpChain } from '../gate-chain.js';
import { GateProcess } from '../gate-process.js';
import { until } from '../gate-until.js';
import { deployForSimulation, putOnChain, putOnMadeUpChain, SimulatedWorld, writeThrowawayCircuits } from '../simulated/index.js';
import { holdVerdicts, placeOf, type Holding, type JudgedWorld } from './verdicts.js';

export interface FaultWorldParameters {
  /** Decides every message. */
  seed: string;
  /** A real node with the indexer as a process, or blocks made up by the test, of which there can be none for a while. */
  chain: 'anvil' | 'made-up';
  /** One broker, which can be taken away whole, or three with their controller. */
  brokers?: 1 | 3;
  /** Where the one broker keeps its data, when that is a disk of its own. */
  brokerDir?: string;
  /** Starts the one broker otherwise than startKafka does. */
  startKafka?: typeof startKafka;
  epochSeconds?: number;
  acceptSeconds?: number;
  /** Called when the topics are there, and nothing is in them. */
  before?: (world: FaultWorld) => Promise<void>;
}

/** Longer than anvil takes to finalize and the indexer to read. */
const LAG_SECONDS = 6;

/** The gate as processes, on a real broker and registry, with simulated proofs: what a fault is done to. */
export class FaultWorld implements JudgedWorld {
  readonly dir = mkdtempSync(join(tmpdir(), 'attestream-faults-'));
  readonly circuitsDir = join(this.dir, 'circuits');
  readonly gates: GateProcess[] = [];
  kafka: KafkaPart | undefined;
  cluster: KafkaCluster | undefined;
  registry!: RegistryPart;
  client!: KafkaClient;
  codec!: EventCodec;
  deployment!: Deployment;
  messages!: SimulatedWorld;
  producer!: EventProducer;
  madeUp: MadeUpChain | undefined;
  anvil: LocalChain | undefined;
  indexer: GateProcess | undefined;
  #ports!: number[];

  private constructor(private readonly parameters: FaultWorldParameters) {}

  /** Up to a parameter set in force. No gate runs yet. */
  static async start(parameters: FaultWorldParameters): Promise<FaultWorld> {
    const world = new FaultWorld(parameters);
    try {
      await world.#start();
    } catch (error) {
      await world.stop();
      throw error;
    }
    return world;
  }

  get brokers(): string {
    return this.cluster?.brokers ?? this.kafka!.brokers;
  }

  async #start(): Promise<void> {
    const { chain, brokers = 1, seed, epochSeconds, acceptSeconds, before } = this.parameters;
    this.#ports = await freePorts(4);
    const parts = [this.startRegistry(), brokers === 1 ? this.startBroker() : this.#startCluster(), ...(chain === 'anvil' ? [this.#startAnvil()] : [])];
    const failed = (await Promise.allSettled(parts)).find((part) => part.status === 'rejected');
    if (failed) throw failed.reason;
    this.client = connectKafka({ brokers: this.brokers.split(','), clientId: 'test', log: { info: () => undefined, warn: () => undefined } });
    await ensureTopics(this.client, TOPICS, { replicationFactor: brokers });
    const ids = await registerSchemas(this.registry.url);
    this.codec = EventCodec.fromIds(ids);
    this.producer = new EventProducer(this.client);
    await before?.(this);
    const circuits = writeThrowawayCircuits(this.circuitsDir, seed);
    const messagesFor = (deployment: Deployment) => new SimulatedWorld({ seed, circuits, deployment, ids, ...(epochSeconds !== undefined && { epochSeconds }), ...(acceptSeconds !== undefined && { acceptSeconds }) });
    if (this.anvil) {
      const sender = { rpcUrl: this.anvil.url, key: Wallet.createRandom().privateKey };
      this.deployment = await deployForSimulation({ ...sender, registryLagSeconds: LAG_SECONDS, file: this.#deploymentFile });
      this.messages = messagesFor(this.deployment);
      this.indexer = new GateProcess({ ...this.#common(), ATTESTREAM_CHAIN_RPC_URL: this.anvil.url, ATTESTREAM_CHAIN_POLL_MS: '200' }, 'chain-indexer');
      await this.indexer.start();
      const { inForceMs } = await putOnChain(this.messages, { ...sender, deployment: this.deployment });
      await until('the parameter set is in force', () => Date.now() > inForceMs);
    } else {
      this.deployment = DEPLOYMENT;
      writeDeployment(this.#deploymentFile, DEPLOYMENT);
      this.messages = messagesFor(DEPLOYMENT);
      this.madeUp = new MadeUpChain(this.producer, this.codec);
      this.madeUp.resume();
      await putOnMadeUpChain(this.messages, this.madeUp);
    }
  }

  /** One more instance of the gate, not yet started. What the environment says goes over what it has otherwise. */
  gate(env: Readonly<Record<string, string>> = {}): GateProcess {
    const gate = new GateProcess({
      ...this.#common(), ATTESTREAM_CIRCUITS_DIR: this.circuitsDir, ATTESTREAM_GATE_MEMBER_FILE: join(this.dir, `member-${this.gates.length}`), ...env,
    });
    this.gates.push(gate);
    return gate;
  }

  /** The broker on its ports and data, after it was stopped or killed, as make run starts it. */
  async startBroker(): Promise<void> {
    const [port, controllerPort] = this.#ports as [number, number];
    const { brokerDir = join(this.dir, 'kafka'), startKafka: start = startKafka } = this.parameters;
    this.kafka = await start({ dir: brokerDir, port, controllerPort, heapMiB: 256 });
    if (this.client as KafkaClient | undefined) await repairAfterStart(this.client, () => undefined);
  }

  async startRegistry(): Promise<void> {
    const [, , port, managementPort] = this.#ports as [number, number, number, number];
    this.registry = await startRegistry({ dir: join(this.dir, 'registry'), port, managementPort });
  }

  /** See {@link holdVerdicts}. */
  async holds(patienceMs?: number): Promise<Holding> {
    return await holdVerdicts(this, patienceMs);
  }

  /** The verdicts on these records, once there is one on each. */
  async verdicts(places: readonly SentRecord[], milliseconds = 120_000): Promise<string[]> {
    const found = new Map<string, string>();
    const wanted = places.map(placeOf);
    const reader = new LogReader(this.client, { patienceMs: 30_000 });
    let next = 0n;
    try {
      await until(`a verdict on each of ${places.length} records`, async () => {
        for await (const { value, offset } of reader.readAll('audit-log', 0, next)) {
          const entry = this.codec.decode('audit-log', value);
          found.set(placeOf(entry), entry.verdict);
          next = offset + 1n;
        }
        return wanted.every((place) => found.has(place));
      }, milliseconds);
    } finally {
      await reader.close();
    }
    return wanted.map((place) => found.get(place)!);
  }

  async stop(): Promise<void> {
    await Promise.all([this.indexer?.end('SIGTERM'), ...this.gates.map((gate) => gate.end('SIGTERM'))]);
    await this.madeUp?.pause();
    await this.producer?.close();
    this.client?.close();
    await Promise.all([this.kafka?.stop(), this.cluster?.stop(), this.registry?.stop(), this.anvil?.stop()]);
    rmSync(this.dir, { recursive: true, force: true });
  }

  #common(): Record<string, string> {
    return { ATTESTREAM_KAFKA_BROKERS: this.brokers, ATTESTREAM_REGISTRY_URL: this.registry.url, ATTESTREAM_DEPLOYMENT_FILE: this.#deploymentFile };
  }

  get #deploymentFile(): string {
    return join(this.dir, 'deployment.json');
  }

  async #startCluster(): Promise<void> {
    this.cluster = await startKafkaCluster({ folder: join(this.dir, 'cluster') });
  }

  async #startAnvil(): Promise<void> {
    this.anvil = await startLocalChain();
  }
}
