import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Wallet } from 'ethers';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import {
  FinalizedChain, RegistryProjection, addressOf, deployContracts, publishParameterSet, registerDevice, writeDeployment, type Deployment,
} from '#libs/chain';
import { isAtsError } from '#libs/errors';
import { EventCodec, TOPICS, registerSchemas, type ChainBlock } from '#libs/events';
import { KIND, generateSensorKey, leafHash, secretHash, sensorPublicKey, signDigest } from '#libs/proofs';
import { Readiness } from '#libs/service';
import { freePorts, startAnvil, startKafka, startRegistry, type AnvilPart, type KafkaPart, type RegistryPart } from '#libs/stack';
import { LogReader, connectKafka, ensureTopics, type KafkaClient } from '#libs/stream';
import { GateProcess } from '../../../test/support/gate-process.js';
import { Hanging } from '../../../test/support/hanging.js';
import { config } from './config.js';
import { IndexingService } from './indexing.service.js';

const TOPIC = 'chain-events';
let dir: string;
let kafka: KafkaPart;
let registry: RegistryPart;
let anvil: AnvilPart;
let anvilPort: number;
let deployment: Deployment;
let client: KafkaClient;
let reader: LogReader;
let codec: EventCodec;
const key = Wallet.createRandom().privateKey;

const newAnvil = (folder: string): Promise<AnvilPart> => startAnvil({ dir: join(dir, folder), port: anvilPort, blockTimeSeconds: 1 });
const rpc = async (method: string, ...params: unknown[]): Promise<unknown> => {
  const response = await fetch(anvil.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) });
  const { result, error } = (await response.json()) as { result?: unknown; error?: unknown };
  if (error) throw new Error(`${method}: ${JSON.stringify(error)}`);
  return result;
};

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'attestream-indexer-'));
  const ports = (await freePorts(5)) as [number, number, number, number, number];
  anvilPort = ports[4];
  [kafka, registry, anvil] = await Promise.all([
    startKafka({ dir: join(dir, 'kafka'), port: ports[0], controllerPort: ports[1] }),
    startRegistry({ dir: join(dir, 'registry'), port: ports[2], managementPort: ports[3] }),
    newAnvil('anvil'),
  ]);
  client = connectKafka({ brokers: [kafka.brokers], clientId: 'test' });
  reader = new LogReader(client);
  await ensureTopics(client, { [TOPIC]: TOPICS[TOPIC] });
  codec = EventCodec.fromIds(await registerSchemas(registry.url));
  await rpc('anvil_setBalance', addressOf(key), '0x56bc75e2d63100000');
  deployment = await deployContracts({ rpcUrl: anvil.url, key, registryLagSeconds: 12 });
}, 180_000);

afterAll(async () => {
  await reader?.close();
  client?.close();
  await Promise.all([kafka?.stop(), registry?.stop(), anvil?.stop()]);
  if (dir) rmSync(dir, { recursive: true });
}, 60_000);

/** One run of the app, without its process. */
class Run {
  readonly lines: { level: number; code?: string; msg: string }[] = [];
  readonly readiness = new Readiness();
  readonly #stopping = new AbortController();
  readonly ended: Promise<unknown>;

  constructor(changed: Partial<Deployment> = {}) {
    const file = join(dir, `deployment-${Math.random()}.json`);
    writeDeployment(file, { ...deployment, ...changed });
    const values = config.load({
      ATTESTREAM_HTTP_PORT: '0', ATTESTREAM_KAFKA_BROKERS: kafka.brokers, ATTESTREAM_REGISTRY_URL: registry.url, ATTESTREAM_DEPLOYMENT_FILE: file,
      ATTESTREAM_CHAIN_RPC_URL: anvil.url, ATTESTREAM_CHAIN_POLL_MS: '100',
    });
    const log = pino({ level: 'info' }, { write: (line: string) => void this.lines.push(JSON.parse(line)) });
    const service = new IndexingService(values, log, this.readiness, new Registry());
    this.ended = service.run(this.#stopping.signal).then(() => 'stopped', (error: unknown) => (isAtsError(error) ? error.code : error));
  }

  async stop(): Promise<unknown> {
    this.#stopping.abort();
    return await this.ended;
  }
}

async function written(): Promise<ChainBlock[]> {
  const blocks = [];
  for await (const { value, key: recordKey } of reader.readAll(TOPIC, 0, 0n)) {
    const block = codec.decode(TOPIC, value!);
    expect(recordKey?.toString()).toBe(String(block.number));
    blocks.push(block);
  }
  return blocks;
}

/** Waits until the topic ends with a block at or above this one. */
async function writtenUpTo(number: number): Promise<ChainBlock[]> {
  for (const deadline = Date.now() + 45_000; ; await delay(100)) {
    const blocks = await written();
    if ((blocks.at(-1)?.number ?? -1) >= number) return blocks;
    if (Date.now() > deadline) throw new Error(`block ${number} was not written, the last is ${blocks.at(-1)?.number}`);
  }
}
async function until(condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 30_000; !condition(); await delay(50)) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${condition.toString()}`);
  }
}
const latest = async (): Promise<number> => Number(await rpc('eth_blockNumber'));

it('writes every block once through crashes, outages of node and broker, and what it wrote is the state of the contracts', async () => {
  const sensorKey = generateSensorKey();
  const leaf = { kind: KIND.telemetry, ...sensorPublicKey(sensorKey), secretHash: secretHash(7n), program: 1n };
  await registerDevice({ rpcUrl: anvil.url, key, deployment, leaf, signature: signDigest(sensorKey, leaf.secretHash) });
  await publishParameterSet({ rpcUrl: anvil.url, key, deployment, document: Buffer.alloc(65_536, 'x') });

  // successors start while their predecessor may still have a request on its way
  let run = new Run();
  for (let crash = 0; crash < 4; crash++) {
    await writtenUpTo(((await written()).at(-1)?.number ?? 0) + 1);
    const dead = run;
    void dead.stop();
    run = new Run();
    expect(await dead.ended).toBe('stopped');
  }

  // the node is away for many retries: one line when it goes, one when it is back
  await until(() => run.readiness.ready);
  anvil.kill('SIGKILL');
  await until(() => !run.readiness.ready);
  expect(run.readiness.status().waitingFor).toEqual({ chain: expect.stringMatching(/^ATS_CHAIN_UNREACHABLE/) });
  await delay(1000);
  await anvil.exited;
  anvil = await newAnvil('anvil');
  const afterOutage = (await latest()) + 1;
  await writtenUpTo(afterOutage);
  expect(run.lines.filter(({ level }) => level >= 40).map(({ code }) => code)).toEqual(['ATS_CHAIN_UNREACHABLE']);
  expect(run.readiness.ready).toBe(true);

  await kafka.stop();
  await delay(1000);
  kafka = await startKafka({ dir: join(dir, 'kafka'), port: Number(kafka.brokers.split(':')[1]), controllerPort: Number((await freePorts(1))[0]) });
  await writtenUpTo((await latest()) + 1);
  expect(await run.stop()).toBe('stopped');

  const blocks = await written();
  const projection = new RegistryProjection(deployment);
  const seen = new Map<number, ChainBlock>();
  for (const block of blocks) {
    // the next one, or once more what was written before
    expect(block).toEqual(seen.get(block.number) ?? { ...block, number: deployment.firstBlock + seen.size });
    seen.set(block.number, block);
    projection.apply(block);
  }
  const finalized = new FinalizedChain(anvil.url, deployment);
  expect([...seen.values()]).toEqual(await finalized.read(deployment.firstBlock, blocks.at(-1)!.number));
  expect(projection.leafIndex(leafHash(leaf))).toBe(0);
  expect(projection.parametersAt(projection.head!.number)?.document).toHaveLength(65_536);
}, 180_000);

// Its end by itself is 0; that by the deadline of a stop is 1.
it.each(['chain', 'broker'] as const)('a %s that takes a request and never answers does not hold up a stop', async (what) => {
  const hanging = await Hanging.start();
  const deploymentFile = join(dir, 'deployment-of-a-process.json');
  writeDeployment(deploymentFile, deployment);
  const app = new GateProcess({
    ATTESTREAM_KAFKA_BROKERS: what === 'broker' ? hanging.place : kafka.brokers, ATTESTREAM_REGISTRY_URL: registry.url, ATTESTREAM_DEPLOYMENT_FILE: deploymentFile,
    ATTESTREAM_CHAIN_RPC_URL: what === 'chain' ? `http://${hanging.place}` : anvil.url,
  }, 'chain-indexer');
  await app.start();
  await hanging.asked();
  expect(await app.end('SIGTERM')).toBe(0);
  hanging.stop();
}, 240_000);

it('stops with ATS_CHAIN_WRONG at a node of another chain than the deployment', async () => {
  const before = (await written()).length;
  expect(await new Run({ chainId: 1 }).ended).toBe('ATS_CHAIN_WRONG');
  expect((await written()).length).toBe(before);
}, 60_000);

it('stops with ATS_CHAIN_DIVERGED when finalized blocks are replaced, and each restart stops again without writing', async () => {
  await anvil.stop();
  rmSync(join(dir, 'anvil'), { recursive: true });
  const before = await written();
  // the same chain id, another chain, from genesis on
  anvil = await newAnvil('anvil');
  const run = new Run();
  expect(await run.ended).toBe('ATS_CHAIN_DIVERGED');
  expect(run.readiness.ready).toBe(false);
  await rpc('anvil_mine', '0x100', '0x1');
  expect(await new Run().ended).toBe('ATS_CHAIN_DIVERGED');
  expect(await written()).toEqual(before);
}, 60_000);
