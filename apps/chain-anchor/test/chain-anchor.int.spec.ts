import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Wallet } from 'ethers';
import { addressOf, anchoredHead, deployContracts, grantAnchorRole, logIdOf, openLog, writeDeployment, type Deployment } from '#libs/chain';
import { EventCodec, registerSchemas, TOPICS } from '#libs/events';
import { CompactTree, entriesPath, generateLogKey, HttpTiles, leafHash, LogStore, noteVerifier, openCheckpoint, rootFromTiles, tilePath, type TreeHead } from '#libs/log';
import { freePorts, startAnvil, startKafka, startRegistry, type Part } from '#libs/stack';
import { connectKafka, ensureTopics, type KafkaClient } from '#libs/stream';
import { GateProcess } from '../../../test/support/gate-process.js';
import { until } from '../../../test/support/gate-until.js';
import { Hanging } from '../../../test/support/hanging.js';

const dir = mkdtempSync(join(tmpdir(), 'attestream-chain-anchor-'));
const logDir = join(dir, 'log');
const keyFile = join(dir, 'log.key');
const operator = Wallet.createRandom().privateKey;
const anchorer = Wallet.createRandom().privateKey;
const PATIENCE_MS = 120_000;

const parts: Part[] = [];
let rpcUrl: string;
let deployment: Deployment;
let client: KafkaClient;
let codec: EventCodec;
let env: Record<string, string>;
let vkey: string;
let origin: string;
let app: GateProcess;
/** What the log must hold: the committed entries, in order. */
const committed: Buffer[] = [];

beforeAll(async () => {
  const ports = (await freePorts(5)) as [number, number, number, number, number];
  const started = <P extends Part>(starting: Promise<P>) => starting.then((part) => {
    parts.push(part);
    return part;
  });
  const [kafka, registry, anvil] = await Promise.all([
    started(startKafka({ dir: join(dir, 'kafka'), port: ports[0], controllerPort: ports[1], heapMiB: 256 })),
    started(startRegistry({ dir: join(dir, 'registry'), port: ports[2], managementPort: ports[3] })),
    started(startAnvil({ dir: join(dir, 'chain'), port: ports[4], blockTimeSeconds: 1 })),
  ]);
  client = connectKafka({ brokers: [kafka.brokers], clientId: 'test', log: { info: () => undefined, warn: () => undefined } });
  await ensureTopics(client, TOPICS);
  codec = EventCodec.fromIds(await registerSchemas(registry.url));

  rpcUrl = anvil.url;
  for (const key of [operator, anchorer]) await rpc('anvil_setBalance', addressOf(key), '0x56bc75e2d63100000');
  deployment = await deployContracts({ rpcUrl, key: operator, registryLagSeconds: 12 });
  writeDeployment(join(dir, 'deployment.json'), deployment);
  origin = `example.com/${deployment.checkpointAnchor.toLowerCase()}`;
  const key = generateLogKey(origin);
  vkey = key.vkey;
  writeFileSync(keyFile, `${key.privateKey}\n`, { mode: 0o600 });
  writeFileSync(join(dir, 'anchor.key'), anchorer, { mode: 0o600 });
  await grantAnchorRole({ rpcUrl, key: operator, deployment, account: addressOf(anchorer) });
  await openLog({ rpcUrl, key: operator, deployment, origin });
  env = {
    ATTESTREAM_KAFKA_BROKERS: kafka.brokers, ATTESTREAM_REGISTRY_URL: registry.url, ATTESTREAM_DEPLOYMENT_FILE: join(dir, 'deployment.json'),
    ATTESTREAM_LOG_DIR: logDir, ATTESTREAM_LOG_KEY_FILE: keyFile, ATTESTREAM_LOG_PUBLISH_MS: '50',
    ATTESTREAM_CHAIN_RPC_URLS: rpcUrl, ATTESTREAM_ANCHOR_KEY_FILE: join(dir, 'anchor.key'), ATTESTREAM_ANCHOR_JOURNAL_FILE: join(dir, 'journal.json'),
    ATTESTREAM_ANCHOR_MAX_AGE_SECONDS: '1', ATTESTREAM_ANCHOR_POLL_MS: '200',
  };
  app = new GateProcess(env, 'chain-anchor');
}, 180_000);

afterAll(async () => {
  await app?.end('SIGKILL');
  client?.close();
  await Promise.all(parts.map((part) => part.stop()));
  rmSync(dir, { recursive: true, force: true });
}, PATIENCE_MS);

async function rpc(method: string, ...params: unknown[]): Promise<void> {
  await fetch(rpcUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) });
}

/** An audit entry like the gate's, unlike any other. */
function entry(): Buffer {
  const offset = Math.floor(Math.random() * 2 ** 40);
  return codec.encode('audit-log', { topic: 'telemetry', partition: 0, offset, timestamp: Date.now(), hash: Buffer.alloc(32, offset % 251), verdict: 'MALFORMED', parameterVersion: 0, registryBlock: null });
}

/** Transactions of several producers that overlap: who began first need not end first, and some take everything back. */
async function produce(rounds: number, perRound = 3): Promise<void> {
  const one = await producer('one');
  const other = await producer('other');
  for (let round = 0; round < rounds; round++) {
    const [a, b] = [await one.transaction(), await other.transaction()];
    const put = async (transaction: typeof a, ...values: Buffer[]) => void (await transaction.send({ topic: 'audit-log', messages: values.map((value) => ({ value })) }));
    const [gone, kept] = [[entry(), entry()], Array.from({ length: perRound }, entry)];
    await put(a, gone[0]!);
    await put(b, ...kept.slice(0, -1));
    await put(a, gone[1]!);
    await put(b, kept.at(-1)!);
    await (round % 2 === 0 ? a.abort().then(() => b.commit()) : b.commit().then(() => a.abort()));
    committed.push(...kept);
  }
  await Promise.all([one.disconnect(), other.disconnect()]);
}

async function producer(id: string) {
  const transactional = client.role(id).producer({ transactionalId: `test-${id}`, maxInFlightRequests: 1 });
  await transactional.connect();
  return transactional;
}

async function send(value: Buffer | null): Promise<void> {
  const plain = client.role('plain').producer();
  await plain.connect();
  await plain.send({ topic: 'audit-log', messages: [{ value }] });
  await plain.disconnect();
}

function headOf(entries: readonly Buffer[]): TreeHead {
  const tree = new CompactTree();
  for (const one of entries) tree.append(leafHash(one));
  return { size: tree.size, root: tree.root() };
}

/** The checkpoint as readers get it, its signature checked; size 0 without one. */
async function published(): Promise<TreeHead> {
  const response = await app.get('/log/checkpoint');
  const note = Buffer.from(await response.arrayBuffer());
  return response.ok ? openCheckpoint(note, noteVerifier(vkey)) : { size: 0, root: Buffer.alloc(0) };
}

async function publishedAll(): Promise<void> {
  await until(`${committed.length} published`, async () => (await published()).size >= committed.length, PATIENCE_MS);
  expect((({ size, root }) => ({ size, root }))(await published())).toEqual(headOf(committed));
}

async function waitsFor(): Promise<string> {
  const response = await app.get('/health/ready');
  const { waitingFor } = (await response.json()) as { waitingFor: Record<string, string> };
  return response.status === 503 ? (waitingFor['log'] ?? '') : 'ready';
}

/** Starts it on what is there and expects that it signs nothing, says why, and goes on serving. */
async function halts(code: string): Promise<void> {
  const before = existsSync(join(logDir, 'public/checkpoint')) ? readFileSync(join(logDir, 'public/checkpoint'), 'utf8') : undefined;
  await app.start();
  await until(`it halts with ${code}`, async () => (await waitsFor()).startsWith(code), PATIENCE_MS);
  expect(await app.get('/log/checkpoint').then((response) => response.text())).toBe(before);
}

it('a log that is missing is an error, never a new log', async () => {
  await app.start().catch(() => undefined); // it may end before its health is seen
  expect(await app.ended()).toBe(1);
  expect(app.stderr).toMatch(/^ATS_LOG_MISSING: /);
  expect(existsSync(logDir)).toBe(false);
  await LogStore.create({ dir: logDir, origin });
}, PATIENCE_MS);

it('what is committed becomes a leaf, what is taken back does not, over a SIGKILL; the log is served, anchored and final, and nobody else may write it', async () => {
  await produce(3);
  await app.start();
  await publishedAll();
  await app.end('SIGKILL');
  await produce(8, 40);
  await app.start();
  await publishedAll();
  await app.ready();

  const { url } = await app.line('health and metrics answer');
  expect(await rootFromTiles(committed.length, new HttpTiles(`${url}/log/`))).toEqual(headOf(committed).root);
  const cached = async (path: string) => (await app.get(`/log/${path}`)).headers.get('cache-control');
  expect(await cached(tilePath(0, 0, 256))).toMatch(/immutable/);
  expect(await cached(entriesPath(0, 256))).toMatch(/immutable/);
  expect(await cached('checkpoint')).toBe('no-store');
  expect((await app.get('/log/')).status).toBe(404);

  const onChain = () => anchoredHead({ rpcUrl, deployment, logId: logIdOf(origin), block: 'finalized' });
  await until('the whole log is anchored', async () => (await onChain())?.size === committed.length, PATIENCE_MS);
  expect(await onChain()).toEqual(headOf(committed));
  await until('the app knows', async () => (await app.metric('attestream_log_finalized_size')) === committed.length, PATIENCE_MS);
  expect(await app.metric('attestream_log_size')).toBe(committed.length);
  expect(await app.metric('attestream_produce_to_anchor_seconds_count')).toBeGreaterThan(0);

  const second = new GateProcess(env, 'chain-anchor');
  await second.start().catch(() => undefined); // it may end before its health is seen
  expect(await second.ended()).toBe(1);
  expect(second.stderr).toMatch(/^ATS_LOG_LOCKED: /);
  await produce(1);
  await publishedAll();
  expect(await app.end('SIGTERM')).toBe(0);
}, 4 * PATIENCE_MS);

// Its end by itself is 0; that by the deadline of a stop is 1.
it.each([['ATTESTREAM_CHAIN_RPC_URLS', 'http://'], ['ATTESTREAM_KAFKA_BROKERS', '']])('what %s names may take a request and never answer: that does not hold up a stop', async (setting, scheme) => {
  const hanging = await Hanging.start();
  const held = new GateProcess({ ...env, [setting]: `${scheme}${hanging.place}` }, 'chain-anchor');
  await held.start();
  await hanging.asked();
  expect(await held.end('SIGTERM')).toBe(0);
  hanging.stop();
}, 2 * PATIENCE_MS);

it('a tile that was tampered with, another cluster, a foreign record and a topic that was made anew: nothing is signed, and the log is served', async () => {
  const tile = join(logDir, 'public', tilePath(0, 0, 256));
  const bytes = readFileSync(tile);
  writeFileSync(tile, Buffer.concat([Buffer.alloc(32), bytes.subarray(32)]));
  await halts('ATS_LOG_DAMAGED');
  writeFileSync(tile, bytes);
  await app.ready(); // it goes on by itself
  await app.end('SIGTERM');

  const cluster = readFileSync(join(logDir, 'kafka-cluster'), 'utf8');
  writeFileSync(join(logDir, 'kafka-cluster'), 'another one\n');
  await halts('ATS_LOG_CLUSTER_FOREIGN');
  await app.end('SIGTERM');
  writeFileSync(join(logDir, 'kafka-cluster'), cluster);

  await app.start();
  await send(Buffer.from('not an entry'));
  await until('it halts', async () => (await waitsFor()).startsWith('ATS_LOG_RECORD_FOREIGN'), PATIENCE_MS);
  expect((await published()).size).toBe(committed.length);
  await app.end('SIGTERM');

  const admin = client.role('admin').admin();
  await admin.connect();
  await admin.deleteTopics({ topics: ['audit-log'] });
  await until('the topic is gone', async () => !(await admin.listTopics()).includes('audit-log'), PATIENCE_MS);
  await admin.disconnect();
  await ensureTopics(client, { 'audit-log': TOPICS['audit-log'] });
  await halts('ATS_LOG_GAP');
  await produce(10, 100);
  await until('it sees the other records', async () => (await waitsFor()).startsWith('ATS_LOG_DIVERGED'), PATIENCE_MS);
  expect(await app.end('SIGTERM')).toBe(0);
}, 5 * PATIENCE_MS);
