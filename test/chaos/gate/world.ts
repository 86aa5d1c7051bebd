import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Deployment } from '#libs/chain';
import { registerSchemas, TOPICS } from '#libs/events';
import { IcingaClient, readCredentials } from '#libs/icinga';
import { freePorts, startAnvil, startIcinga, startRegistry, type IcingaPart, type Part } from '#libs/stack';
import { connectKafka, ensureTopics, LogReader, type KafkaClient } from '#libs/stream';
import { layoutOf, type Layout } from '../../../apps/cli/src/layout.js';
import { ensureLog } from '../../../apps/cli/src/setup/log.js';
import { deployForSimulation, putOnChain, SimulatedWorld, writeThrowawayCircuits } from '../../support/simulated/index.js';
import { startBrokers, type Brokers } from './brokers.js';
import { buildApps } from './build.js';
import type { AppKind } from './plan.js';
import { AppLife, type AppLifeParameters } from './life.js';
import type { Fault } from './fault.js';
import { RecordingWitness } from './witness.js';

export interface ChaosWorldParameters {
  kafka: 'cluster' | 'single';
  seed: number;
  gates: number;
  /** Decides where all data are; removed at the end unless `keep`. */
  keep?: boolean;
  /** Told of what a single node had left hanging when it was killed. */
  say?: (line: string) => void;
}

/** A block a second, final two blocks later; the gate looks this far back. */
const BLOCK_SECONDS = 1;
const REGISTRY_LAG_SECONDS = 5;
/** Longer than any run: no state goes stale in Icinga2 while it lasts, none is late. */
const A_DAY_SECONDS = 86_400;
const SILENT = { info: () => undefined, warn: () => undefined };

/** Real brokers, schema registry, Ethereum node and Icinga2, and the real apps as processes; proofs alone are simulated, under keys made to be thrown away. */
export class ChaosWorld {
  readonly dir = mkdtempSync(join(tmpdir(), 'attestream-chaos-'));
  readonly apps = new Map<string, AppLife>();
  /** What a single node has said of each repair at its starts. */
  readonly repairs: string[] = [];
  brokers!: Brokers;
  kafka!: KafkaClient;
  reader!: LogReader;
  simulated!: SimulatedWorld;
  deployment!: Deployment;
  layout!: Layout;
  icinga!: IcingaPart;
  viewer!: IcingaClient;
  witness!: RecordingWitness;
  rpcUrl = '';
  registryUrl = '';
  build = '';
  circuits = '';
  readonly #parts: Part[] = [];
  #ports: number[] = [];

  private constructor(readonly parameters: ChaosWorldParameters) {}

  /** Everything up but the apps, and the parameter set and registry in force. */
  static async start(parameters: ChaosWorldParameters): Promise<ChaosWorld> {
    const world = new ChaosWorld(parameters);
    try {
      await world.#start();
    } catch (error) {
      await world.stop();
      throw error;
    }
    return world;
  }

  get gates(): AppLife[] {
    return this.parameters.gates === 0 ? [] : Array.from({ length: this.parameters.gates }, (_, i) => this.app('gate', i));
  }

  app(kind: AppKind, instance = 0): AppLife {
    const name = kind === 'gate' ? `gate-${instance}` : kind;
    const known = this.apps.get(name);
    if (known) return known;
    const made = new AppLife(this.#settings(kind, name));
    this.apps.set(name, made);
    return made;
  }

  /** A gate that is none of the run's, with a broken protocol. */
  brokenGate(name: string, fault: Fault): AppLife {
    const settings = this.#settings('gate', name);
    const made = new AppLife({ ...settings, env: { ...settings.env, CHAOS_FAULT: fault } });
    this.apps.set(name, made);
    return made;
  }

  /** Ends everything, and removes all data. */
  async stop(): Promise<void> {
    await Promise.allSettled([...this.apps.values()].map((app) => app.stop()));
    await Promise.allSettled([this.reader?.close(), this.viewer?.close(), this.witness?.close()]);
    this.kafka?.close();
    await Promise.allSettled([...this.#parts.map((part) => part.stop()), this.brokers?.stop()]);
    if (!this.parameters.keep) rmSync(this.dir, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    const { seed, kafka, say = () => undefined } = this.parameters;
    const ports = await freePorts(24);
    const take = () => ports.pop()!;
    this.layout = this.#layout(take());
    const [brokers, registry, anvil, icinga, build] = await Promise.all([
      startBrokers(kafka, join(this.dir, 'kafka'), (line) => { this.repairs.push(line); say(line); }).then((started) => (this.brokers = started)),
      startRegistry({ dir: join(this.dir, 'registry'), port: take(), managementPort: take() }).then((part) => this.#started(part)),
      startAnvil({ dir: join(this.dir, 'chain'), port: take(), blockTimeSeconds: BLOCK_SECONDS }).then((part) => this.#started(part)),
      startIcinga({ dir: join(this.dir, 'icinga'), port: take() }).then((part) => this.#started(part)),
      buildApps(join(this.dir, 'build')),
    ]);
    this.#ports = ports;
    Object.assign(this, { icinga, build, rpcUrl: anvil.url, registryUrl: registry.url });
    this.kafka = connectKafka({ brokers: brokers.addresses, clientId: 'chaos', log: SILENT });
    this.reader = new LogReader(this.kafka, { patienceMs: 60_000 });
    this.viewer = new IcingaClient({ url: icinga.url, ca: readFileSync(icinga.caFile, 'utf8'), credentials: readCredentials(icinga.viewerCredentialsFile) });
    await this.#fill(`chaos ${seed}`);
  }

  #started<P extends Part>(part: P): P {
    this.#parts.push(part);
    return part;
  }

  async #fill(seed: string): Promise<void> {
    const sender = { rpcUrl: this.rpcUrl, key: `0x${randomBytes(32).toString('hex')}` };
    const throwaway = writeThrowawayCircuits(join(this.dir, 'circuits'), seed);
    this.circuits = throwaway.folder;
    const [ids, deployment] = await Promise.all([
      registerSchemas(this.registryUrl),
      deployForSimulation({ ...sender, registryLagSeconds: REGISTRY_LAG_SECONDS, file: this.layout.deploymentFile }),
      ensureTopics(this.kafka, TOPICS, { replicationFactor: this.brokers.copies }),
    ]);
    this.deployment = deployment;
    this.simulated = new SimulatedWorld({ seed, circuits: throwaway, deployment, ids, streams: ['load', 'heat'], acceptSeconds: A_DAY_SECONDS, actSeconds: A_DAY_SECONDS });
    const [{ inForceMs }] = await Promise.all([putOnChain(this.simulated, { ...sender, deployment }), ensureLog({ layout: this.layout, ...sender, deployment })]);
    this.witness = await new RecordingWitness().listen(readFileSync(this.layout.logVkeyFile, 'utf8').trim());
    writeFileSync(join(this.dir, 'witness-policy'), this.witness.policy());
    this.inForceMs = inForceMs;
  }

  /** Broker time from which on records are judged by all that was registered and published. */
  inForceMs = 0;

  #layout(anchorPort: number): Layout {
    const layout = layoutOf({ home: join(this.dir, 'home'), portBase: 17_400, households: 1 });
    mkdirSync(join(layout.home, 'keys'), { recursive: true });
    return { ...layout, ports: { ...layout.ports, chainAnchor: anchorPort } };
  }

  #settings(kind: AppKind, name: string): AppLifeParameters {
    const { layout, icinga } = this;
    const dir = join(this.dir, 'apps');
    const shared = {
      ATTESTREAM_KAFKA_BROKERS: this.brokers.addresses.join(','), ATTESTREAM_REGISTRY_URL: this.registryUrl, ATTESTREAM_DEPLOYMENT_FILE: layout.deploymentFile,
    };
    const member = join(dir, `${name}.member`);
    const own = {
      gate: { app: 'proof-gate', traps: true, env: { ATTESTREAM_CIRCUITS_DIR: this.circuits, ATTESTREAM_GATE_MEMBER_FILE: member, ATTESTREAM_GATE_VERIFIER_THREADS: '1' } },
      sink: { app: 'icinga-sink', env: {
        ATTESTREAM_ICINGA_URL: icinga.url, ATTESTREAM_ICINGA_CA_FILE: icinga.caFile, ATTESTREAM_ICINGA_CREDENTIALS_FILE: icinga.sinkCredentialsFile,
        ATTESTREAM_SINK_MEMBER_FILE: member, ATTESTREAM_SINK_FRESHNESS_SECONDS: String(A_DAY_SECONDS),
      } },
      anchor: { app: 'chain-anchor', env: {
        ATTESTREAM_LOG_DIR: layout.logDir, ATTESTREAM_LOG_KEY_FILE: layout.logKeyFile, ATTESTREAM_LOG_PUBLISH_MS: '250', ATTESTREAM_WITNESS_POLICY_FILE: join(this.dir, 'witness-policy'),
        ATTESTREAM_WITNESS_REQUIRED: 'true', ATTESTREAM_CHAIN_RPC_URLS: this.rpcUrl, ATTESTREAM_ANCHOR_KEY_FILE: layout.anchorKeyFile,
        ATTESTREAM_ANCHOR_JOURNAL_FILE: join(dir, 'anchor-journal.json'), ATTESTREAM_ANCHOR_MAX_AGE_SECONDS: '3', ATTESTREAM_ANCHOR_POLL_MS: '500',
      } },
      indexer: { app: 'chain-indexer', env: { ATTESTREAM_CHAIN_RPC_URL: this.rpcUrl, ATTESTREAM_CHAIN_POLL_MS: '500' } },
    } as const satisfies Record<AppKind, Pick<AppLifeParameters, 'app' | 'env' | 'traps'>>;
    const port = kind === 'anchor' ? layout.ports.chainAnchor : this.#ports.pop()!;
    return { name, build: this.build, dir, port, ...own[kind], env: { ...shared, ...own[kind].env } };
  }
}
