import { randomBytes } from 'node:crypto';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeDeployment } from '#libs/chain';
import { cloudEventHeaders, registerSchemas, type OutgoingRecord } from '#libs/events';
import { readCredentials } from '#libs/icinga';
import { repositoryRoot } from '#libs/stack';
import { EventProducer } from '#libs/stream';
import { DEPLOYMENT, MadeUpChain } from '../../support/gate-chain.js';
import { GateProcess } from '../../support/gate-process.js';
import { IcingaWorld, TOPIC } from '../../support/icinga-world.js';
import { SimulatedWorld, writeThrowawayCircuits } from '../../support/simulated/index.js';
import { IcingaObserver, type Credentials } from './measure.js';

export const HOUSEHOLDS = 500;
export const STREAMS = ['load', 'heat', 'power', 'water'] as const;
export const SERVICES = HOUSEHOLDS * STREAMS.length;
/** A day's windows count, and are acted upon: each round of messages has a window of its own. */
const ACCEPT_SECONDS = 86_400;

/** The sink's world with 2,000 services of simulated households, an observer of Icinga2, and a gate when asked for. */
export class SinkBenchWorld {
  readonly observer: IcingaObserver;
  readonly sinkCredentials: Credentials;
  readonly ca: string;
  /** Of the next round; a later round is a later window. */
  epoch: number;
  #gate: GateProcess | undefined;
  #chain: MadeUpChain | undefined;
  #chainProducer: EventProducer | undefined;

  private constructor(readonly inner: IcingaWorld, readonly messages: SimulatedWorld, private readonly circuitsFolder: string, watcher: Credentials, private readonly confDir: string) {
    this.ca = readFileSync(inner.icinga.caFile, 'utf8');
    this.sinkCredentials = readCredentials(inner.icinga.sinkCredentialsFile);
    this.observer = new IcingaObserver(inner.icinga.url, this.ca, watcher);
    this.epoch = messages.lastEpoch() - 2_000;
  }

  static async start(): Promise<SinkBenchWorld> {
    const confDir = mkdtempSync(join(tmpdir(), 'attestream-bench-sink-'));
    cpSync(join(repositoryRoot, 'icinga'), confDir, { recursive: true });
    const watcher = { user: 'bench', password: randomBytes(16).toString('hex') };
    appendFileSync(join(confDir, 'api.conf'), `object ApiUser "${watcher.user}" { password = "${watcher.password}", permissions = [ "status/query", "events/checkresult" ] }\n`);
    const inner = await IcingaWorld.start(confDir);
    const folder = join(inner.dir, 'circuits');
    const messages = new SimulatedWorld({
      seed: 'bench-sink', circuits: writeThrowawayCircuits(folder, 'bench-sink'), deployment: DEPLOYMENT, ids: await registerSchemas(inner.registry.url),
      streams: STREAMS, acceptSeconds: ACCEPT_SECONDS, actSeconds: ACCEPT_SECONDS,
    });
    return new SinkBenchWorld(inner, messages, folder, watcher, confDir);
  }

  get port(): number {
    return Number(new URL(this.inner.icinga.url).port);
  }

  hostOf(household: number): string {
    return this.messages.pseudonymOf(household).toString('hex');
  }

  /** Every service once, households side by side. */
  get services(): [host: string, service: string][] {
    return STREAMS.flatMap((stream) => Array.from({ length: HOUSEHOLDS }, (_, household): [string, string] => [this.hostOf(household), stream]));
  }

  /** A verified event for every service, of the next window, as the gate writes them. */
  verifiedRound(): OutgoingRecord[] {
    const epoch = this.epoch++;
    const now = Date.now();
    return STREAMS.flatMap((stream) => Array.from({ length: HOUSEHOLDS }, (_, household) => {
      const pseudonym = this.messages.pseudonymOf(household);
      const partition = this.messages.partitionOf(household);
      const value = this.messages.codec.encode(TOPIC, {
        source: { topic: 'telemetry', partition, offset: epoch, timestamp: now, hash: Buffer.alloc(32, epoch) },
        pseudonym, stream, epoch, policyFamily: 'home', state: (['OK', 'WARNING', 'CRITICAL'] as const)[(epoch + household) % 3]!,
        nullifier: Buffer.alloc(32, household), commitment: Buffer.alloc(32, household), circuit: 'telemetry16', parameterVersion: 1,
        registryBlock: { number: 7, hash: Buffer.alloc(32) }, windowEnd: now, partitionClock: now, epochFloor: 0, late: false,
      });
      const headers = cloudEventHeaders({ id: `telemetry/${partition}/${epoch}`, source: '/proof-gate', type: `attestream.${TOPIC}`, subject: stream, time: now });
      return { topic: TOPIC, partition, key: pseudonym, value, headers };
    }));
  }

  /** A message with its proof for every service, of the next window. */
  messageRound(): (OutgoingRecord & { readonly name: string })[] {
    const epoch = this.epoch++;
    return STREAMS.flatMap((stream) => Array.from({ length: HOUSEHOLDS }, (_, household) => (
      { ...this.messages.telemetry({ household, stream, epoch }), name: nameOf(this.hostOf(household), stream, epoch) })));
  }

  async startGate(): Promise<GateProcess> {
    const deploymentFile = join(this.inner.dir, 'deployment.json');
    writeDeployment(deploymentFile, DEPLOYMENT);
    this.#chainProducer = new EventProducer(this.inner.client);
    const chain = new MadeUpChain(this.#chainProducer, this.inner.codec);
    this.#chain = chain;
    chain.resume();
    this.messages.root = await chain.register();
    await chain.publish((version) => this.messages.parameterSet(version));
    this.#gate = new GateProcess({
      ATTESTREAM_KAFKA_BROKERS: this.inner.kafka.brokers, ATTESTREAM_REGISTRY_URL: this.inner.registry.url, ATTESTREAM_DEPLOYMENT_FILE: deploymentFile,
      ATTESTREAM_CIRCUITS_DIR: this.circuitsFolder, ATTESTREAM_GATE_MEMBER_FILE: join(this.inner.dir, 'gate-member'),
    });
    await this.#gate.start();
    await this.#gate.ready();
    await chain.settle();
    return this.#gate;
  }

  async stop(): Promise<void> {
    await this.#gate?.end('SIGTERM');
    await this.#chain?.pause();
    await this.#chainProducer?.close();
    await this.observer.close();
    await this.inner.stop();
    rmSync(this.confDir, { recursive: true, force: true });
  }
}

/** Of one result, among all. */
export function nameOf(host: string, service: string, epoch: number): string {
  return `${host}!${service}@${epoch}`;
}
