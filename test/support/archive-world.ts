import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Wallet } from 'ethers';
import { layoutOf, type Layout } from '../../apps/cli/src/layout.js';
import {
  addressOf, anchoredHead, deployContracts, grantAnchorRole, logIdOf, openLog, publishParameterSet, registerDevice, RegistryProjection, writeDeployment, JsonRpc, type Deployment,
} from '#libs/chain';
import { buildTelemetryEvent, createHousehold, createSensor, enrolSensor, loadHousehold, loadSensor, signWindow, telemetryLeaf, type TelemetryEvent } from '#libs/edge';
import { decodeBlock, EventCodec, registerSchemas, schemaFingerprint, TOPICS } from '#libs/events';
import { generateLogKey, LogStore, type TreeHead } from '#libs/log';
import { deploymentScope, evaluateTelemetry, leafHash, telemetryPublicSignals, TELEMETRY_SIGNALS, type Prover, type TelemetryInput } from '#libs/proofs';
import { freePorts, startAnvil, startKafka, startRegistry, type AnvilPart, type KafkaPart, type RegistryPart } from '#libs/stack';
import { connectKafka, ensureTopics, EventProducer, LogReader, type KafkaClient } from '#libs/stream';
import { serializeParameterSet, type ParameterSet, type Policy } from '#libs/verdict';
import { z } from 'zod';
import { GateProcess } from './gate-process.js';
import { Trapdoor } from './gate-trapdoor.js';
import { until } from './gate-until.js';

export const EPOCH_SECONDS = 30;
const FAMILY = 'home';
const POLICY: Policy = { topic: 'telemetry', family: FAMILY, stream: 'load', unit: '0.01', warnLo: 0, warnHi: 400, critLo: 0, critHi: 800, kWarn: 4, kCrit: 2 };
const REGISTRY_LAG_SECONDS = 6;
const PATIENCE_MS = 120_000;

/** Everything of the log's path is real: broker, registry, chain, indexer, gate, log, anchors, households. Proofs alone are simulated, for a key made here. */
export class ArchiveWorld {
  readonly dir = mkdtempSync(join(tmpdir(), 'attestream-archive-'));
  readonly layout: Layout = layoutOf({ home: join(this.dir, 'home'), portBase: 20_000, households: 2 });
  readonly circuits = join(this.dir, 'circuits');
  readonly logDir = join(this.dir, 'log');
  readonly vkeyFile = join(this.dir, 'log.vkey');
  readonly deploymentFile = join(this.dir, 'deployment.json');
  kafka!: KafkaPart;
  registry!: RegistryPart;
  anvil!: AnvilPart;
  deployment!: Deployment;
  origin!: string;
  codec!: EventCodec;
  client!: KafkaClient;
  producer!: EventProducer;
  reader!: LogReader;
  readonly #trapdoor = new Trapdoor(TELEMETRY_SIGNALS.length);
  readonly #apps: GateProcess[] = [];
  #registryView!: RegistryProjection;
  #nextBlock = 0n;

  static async start(): Promise<ArchiveWorld> {
    const world = new ArchiveWorld();
    try {
      await world.#start();
      return world;
    } catch (error) {
      await world.stop();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const [kafka, controller, registry, management, chain] = (await freePorts(5)) as [number, number, number, number, number];
    [this.kafka, this.registry, this.anvil] = await Promise.all([
      startKafka({ dir: join(this.dir, 'kafka'), port: kafka, controllerPort: controller, heapMiB: 256 }),
      startRegistry({ dir: join(this.dir, 'registry'), port: registry, managementPort: management }),
      startAnvil({ dir: join(this.dir, 'chain'), port: chain, blockTimeSeconds: 1 }),
    ]);
    this.client = connectKafka({ brokers: [this.kafka.brokers], clientId: 'test', log: { info: () => undefined, warn: () => undefined } });
    this.producer = new EventProducer(this.client);
    this.reader = new LogReader(this.client, { patienceMs: 30_000 });
    const rpc = new JsonRpc(this.anvil.url);
    const [operator, anchorer] = [Wallet.createRandom().privateKey, Wallet.createRandom().privateKey];
    for (const key of [operator, anchorer]) await rpc.call('anvil_setBalance', [addressOf(key), '0x56bc75e2d63100000'], z.unknown());
    const sender = { rpcUrl: this.anvil.url, key: operator };
    const [ids, deployment] = await Promise.all([registerSchemas(this.registry.url), deployContracts({ ...sender, registryLagSeconds: REGISTRY_LAG_SECONDS }), ensureTopics(this.client, TOPICS)]);
    this.codec = EventCodec.fromIds(ids);
    this.deployment = deployment;
    this.#registryView = new RegistryProjection(deployment);
    writeDeployment(this.deploymentFile, deployment);
    this.#writeCircuit();
    await this.#openLog(sender, anchorer);
    await publishParameterSet({ ...sender, deployment, document: serializeParameterSet(this.#parameterSet(ids.telemetry)) });
    for (const name of this.layout.households) await this.#register(name, sender);
    this.#startApps();
    await Promise.all(this.#apps.map((app) => app.start()));
    await Promise.all(this.#apps.map((app) => app.ready()));
  }

  /** A proven event of a household about an epoch. */
  async telemetry(name: string, epoch: number, readings: readonly number[]): Promise<TelemetryEvent> {
    const folders = this.layout.household(name);
    const household = loadHousehold(folders.keys);
    const leaf = leafHash(telemetryLeaf(enrolSensor(folders.sensor, household), FAMILY));
    const membership = await this.#membership(leaf);
    const prover: Prover = {
      prove: async (_circuit, input) => {
        const publicSignals = telemetryPublicSignals(evaluateTelemetry(input as unknown as TelemetryInput));
        return { proof: this.#trapdoor.prove(publicSignals), publicSignals };
      },
      close: async () => undefined,
    };
    const window = signWindow(loadSensor(folders.sensor).key, { stream: 'load', epoch, epochSeconds: EPOCH_SECONDS, readings: [...readings] });
    return await buildTelemetryEvent({
      ...household, scope: deploymentScope(this.deployment), window, membership, policy: POLICY, codec: this.codec, prover,
    });
  }

  /** Where chain-anchor serves the log. */
  async logUrl(): Promise<string> {
    return `${(await this.#apps.at(-1)!.line('health and metrics answer')).url!}/log/`;
  }

  /** The log's head that stands on the chain for good. */
  async anchored(): Promise<TreeHead | undefined> {
    return await anchoredHead({ rpcUrl: this.anvil.url, deployment: this.deployment, logId: logIdOf(this.origin), block: 'finalized' });
  }

  /** Nothing runs any more; the folders stay. Returns how the apps ended: chain-indexer, proof-gate, chain-anchor. */
  async stopAll(): Promise<(number | null)[]> {
    const codes = await Promise.all(this.#apps.map((app) => app.end('SIGTERM')));
    await this.producer?.close();
    await this.reader?.close();
    this.client?.close();
    await Promise.all([this.kafka?.stop(), this.registry?.stop(), this.anvil?.stop()]);
    return codes;
  }

  async stop(): Promise<void> {
    await this.stopAll();
    rmSync(this.dir, { recursive: true, force: true });
  }

  #writeCircuit(): void {
    const folder = join(this.circuits, 'telemetry16');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'verification-key.json'), this.#trapdoor.keyFile);
  }

  async #openLog(sender: { rpcUrl: string; key: string }, anchorer: string): Promise<void> {
    this.origin = `example.com/${this.deployment.checkpointAnchor.toLowerCase()}`;
    const { privateKey, vkey } = generateLogKey(this.origin);
    writeFileSync(this.vkeyFile, `${vkey}\n`);
    writeFileSync(join(this.dir, 'log.key'), `${privateKey}\n`, { mode: 0o600 });
    writeFileSync(join(this.dir, 'anchor.key'), anchorer, { mode: 0o600 });
    await LogStore.create({ dir: this.logDir, origin: this.origin });
    await grantAnchorRole({ ...sender, deployment: this.deployment, account: addressOf(anchorer) });
    await openLog({ ...sender, deployment: this.deployment, origin: this.origin });
  }

  #parameterSet(id: number): ParameterSet {
    return {
      schema: 'attestream/parameter-set/1', version: 1, partitions: { telemetry: 4, 'bci-intent': 4 }, schemas: [{ topic: 'telemetry', id, fingerprint: schemaFingerprint('telemetry') }],
      statements: [{ topic: 'telemetry', kind: 1, circuit: 'telemetry16', verificationKey: this.#trapdoor.keyHash, epochSeconds: EPOCH_SECONDS, acceptSeconds: 86_400, actSeconds: 90 }],
      policies: [POLICY], revokedRootGraceSeconds: 60,
    };
  }

  async #register(name: string, sender: { rpcUrl: string; key: string }): Promise<void> {
    const { keys, sensor } = this.layout.household(name);
    const household = await createHousehold(keys);
    const enrolment = createSensor(sensor, { secret: household.secret, epochSeconds: EPOCH_SECONDS });
    await registerDevice({ ...sender, deployment: this.deployment, leaf: telemetryLeaf(enrolment, FAMILY), signature: enrolment.signature });
  }

  #startApps(): void {
    const common = { ATTESTREAM_KAFKA_BROKERS: this.kafka.brokers, ATTESTREAM_REGISTRY_URL: this.registry.url, ATTESTREAM_DEPLOYMENT_FILE: this.deploymentFile };
    this.#apps.push(
      new GateProcess({ ...common, ATTESTREAM_CHAIN_RPC_URL: this.anvil.url, ATTESTREAM_CHAIN_POLL_MS: '300' }, 'chain-indexer'),
      new GateProcess({ ...common, ATTESTREAM_CIRCUITS_DIR: this.circuits, ATTESTREAM_GATE_MEMBER_FILE: join(this.dir, 'member') }),
      new GateProcess({
        ...common, ATTESTREAM_LOG_DIR: this.logDir, ATTESTREAM_LOG_KEY_FILE: join(this.dir, 'log.key'), ATTESTREAM_LOG_PUBLISH_MS: '200', ATTESTREAM_CHAIN_RPC_URLS: this.anvil.url,
        ATTESTREAM_ANCHOR_KEY_FILE: join(this.dir, 'anchor.key'), ATTESTREAM_ANCHOR_JOURNAL_FILE: join(this.dir, 'journal.json'), ATTESTREAM_ANCHOR_MAX_AGE_SECONDS: '1', ATTESTREAM_ANCHOR_POLL_MS: '200',
      }, 'chain-anchor'),
    );
  }

  /** The leaf's path under a root that the gate knows for records of now. */
  async #membership(leaf: bigint) {
    const view = this.#registryView;
    const find = () => {
      const found = view.registryBlock(Date.now());
      return found.status === 'found' ? view.membership(leaf, found.block.number) : undefined;
    };
    await until('the leaf is old enough to be proven with', async () => {
      for await (const { value, offset } of this.reader.readAll('chain-events', 0, this.#nextBlock)) {
        view.apply(decodeBlock(value));
        this.#nextBlock = offset + 1n;
      }
      return find() !== undefined;
    }, PATIENCE_MS);
    return find()!;
  }
}
