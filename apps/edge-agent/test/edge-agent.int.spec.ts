import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { writeDeployment } from '#libs/chain';
import { createHousehold, createSensor, openReadings, proofOf, telemetryLeaf } from '#libs/edge';
import { fieldFromBytes, fieldFromText, messageHash, TOPICS, type KafkaRecord } from '#libs/events';
import { createSnarkjsVerifier, deploymentScope, STATE, telemetryPublicSignals } from '#libs/proofs';
import { freePorts, startKafka, type KafkaPart } from '#libs/stack';
import { connectKafka, ensureTopics, EventProducer, LogReader, type KafkaClient } from '#libs/stream';
import { scanFrames } from '../src/durable/frames.js';
import { Outbox } from '../src/durable/outbox.js';
import { BlockMaker, codec, deployment, FAMILY, parameterSet, startSchemaIds } from './small-world.js';

const ROOT = join(import.meta.dirname, '../../..');
const EPOCH_SECONDS = 8;
/** Proofs take seconds each, and other tests take the cores. */
const PATIENCE_MS = 240_000;

let folder: string;
let broker: KafkaPart;
let kafka: KafkaClient;
let reader: LogReader;
let mining: Promise<void> | undefined;
let registry: { url: string; server: Server };
let startBroker: () => Promise<KafkaPart>;
const children: ChildProcess[] = [];
const output: string[] = [];
const stopBlocks = new AbortController();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'agent-'));
  const [port, controllerPort] = (await freePorts(2)) as [number, number];
  startBroker = () => startKafka({ dir: join(folder, 'kafka'), port, controllerPort, heapMiB: 256 });
  broker = await startBroker();
  kafka = connectKafka({ brokers: [broker.brokers], clientId: 'test', log: { info: () => undefined, warn: () => undefined } });
  await ensureTopics(kafka, { telemetry: TOPICS.telemetry, 'chain-events': TOPICS['chain-events'] });
  reader = new LogReader(kafka);
  registry = await startSchemaIds();
}, PATIENCE_MS);

afterAll(async () => {
  stopBlocks.abort();
  await mining;
  for (const child of children) child.kill('SIGKILL');
  await reader.close();
  kafka.close();
  registry.server.close();
  await broker.stop();
  rmSync(folder, { recursive: true, force: true });
}, PATIENCE_MS);

async function telemetry(): Promise<KafkaRecord[]> {
  const records: KafkaRecord[] = [];
  for (let partition = 0; partition < 4; partition++) {
    for await (const record of reader.readAll('telemetry', partition, 0n)) records.push(record);
  }
  return records;
}

/** Epochs of open-files in a sensor's journal. */
function signedEpochs(journal: string): number[] {
  return scanFrames(readFileSync(journal)).payloads.map(({ payload }) => JSON.parse(payload.toString()) as { type: string; window: { stream: string; epoch: number } })
    .flatMap(({ type, window }) => (type === 'window' && window.stream === 'open-files' ? [window.epoch] : []));
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline; await delay(250)) {
    const found = await look().catch(() => undefined);
    if (found !== undefined) return found;
  }
  throw new Error(`${what} did not come; the agent said:\n${output.join('').split('\n').slice(-20).join('\n')}`);
}

describe('an edge agent', () => {
  it('loses no window and repeats none but byte for byte, through a SIGKILL and an outage of the broker, and shows no reading', async () => {
    const householdFolder = join(folder, 'household');
    const sensorFolder = join(folder, 'sensor');
    const { secret, sealingPrivateKey } = await createHousehold(householdFolder);
    const leaf = telemetryLeaf(createSensor(sensorFolder, { secret, epochSeconds: EPOCH_SECONDS }), FAMILY);
    const deploymentFile = join(folder, 'deployment.json');
    writeDeployment(deploymentFile, deployment);
    mkdirSync(join(folder, 'outbox'));

    const set = parameterSet(EPOCH_SECONDS);
    const blocks = new BlockMaker(leaf, set);
    const producer = new EventProducer(kafka);
    mining = (async () => {
      while (!stopBlocks.signal.aborted) {
        const made = blocks.make(Date.now());
        // as the indexer does: the same block until the log has it
        while (!stopBlocks.signal.aborted && !await producer.send([made]).then(() => true, () => false)) await delay(200);
        await delay(1000);
      }
      await producer.close();
    })();

    const start = (httpPort: number): ChildProcess => {
      const child = spawn(join(ROOT, 'bin/node'), ['--import', join(ROOT, 'bin/typescript.mjs'), join(ROOT, 'apps/edge-agent/src/main.ts')], {
        cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          ...process.env, ATTESTREAM_HTTP_PORT: String(httpPort), ATTESTREAM_KAFKA_BROKERS: broker.brokers, ATTESTREAM_REGISTRY_URL: registry.url,
          ATTESTREAM_DEPLOYMENT_FILE: deploymentFile, ATTESTREAM_HOUSEHOLD_DIR: householdFolder, ATTESTREAM_SENSOR_DIR: sensorFolder,
          ATTESTREAM_OUTBOX_DIR: join(folder, 'outbox'), ATTESTREAM_POLICY_FAMILY: FAMILY, ATTESTREAM_STREAMS: 'open-files,load', ATTESTREAM_PROVER_THREADS: '1',
        },
      });
      for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk) => output.push(String(chunk)));
      children.push(child);
      return child;
    };
    const windows = async (httpPort: number): Promise<number> => {
      const metrics = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
      return Number(/^attestream_edge_windows_total\{stream="open-files".*\} (\d+)$/m.exec(metrics)?.[1] ?? 0);
    };

    const [firstPort, secondPort] = (await freePorts(2)) as [number, number];
    const first = start(firstPort);
    await until('the first event', async () => ((await telemetry()).length > 0 ? true : undefined));
    first.kill('SIGKILL');
    await once(first, 'close');

    const second = start(secondPort);
    await until('a window after the restart', async () => (await windows(secondPort) > 0 ? true : undefined));
    const before = await windows(secondPort);
    await broker.stop();
    await until('two windows during the outage', async () => (await windows(secondPort) >= before + 2 ? true : undefined));
    const ready = await fetch(`http://127.0.0.1:${secondPort}/health/ready`);
    expect([ready.status, await ready.text()]).toEqual([503, expect.stringMatching(/blocks|ATS_BROKER_UNREACHABLE/)]);
    broker = await startBroker();

    const taken = await windows(secondPort);
    const records = await until('an event of every window', async () => {
      const found = await telemetry();
      return found.length > taken ? found : undefined;
    });
    const metrics = await (await fetch(`http://127.0.0.1:${secondPort}/metrics`)).text();
    second.kill('SIGTERM');
    const [code] = await once(second, 'close') as [number];
    stopBlocks.abort();
    await mining;
    expect([code, output.filter((line) => line.includes('"level":"error"') || line.includes('"level":"fatal"'))]).toEqual([0, []]);

    const byEpoch = new Map<number, KafkaRecord>();
    const events = records.map((record) => ({ record, event: codec.decode('telemetry', record.value) }));
    for (const { record, event } of events) {
      const earlier = byEpoch.get(event.epoch);
      if (earlier) expect(record.value).toEqual(earlier.value);
      byEpoch.set(event.epoch, record);
    }
    expect(new Set(records.map(({ partition }) => partition)).size).toBe(1);
    // what the sensor signed up to then is on the topic or still waits for its proof, no more and no less
    const outbox = await Outbox.open({ folder: join(folder, 'outbox'), maxBytes: 1 << 20, onDamage: (error) => { throw error; } });
    const waiting = outbox.items().map(({ window }) => window.epoch);
    await outbox.close();
    const newest = Math.max(...byEpoch.keys());
    const known = new Set([...byEpoch.keys(), ...waiting]);
    expect([...known].filter((epoch) => epoch <= newest).sort((a, b) => a - b)).toEqual(signedEpochs(join(sensorFolder, 'journal')).filter((epoch) => epoch <= newest));
    expect(metrics).toMatch(/attestream_edge_prove_seconds_count\{[^}]*\} [1-9]/);

    const verifier = await createSnarkjsVerifier({ circuits: ['telemetry16'], threads: 1 });
    const [policy] = set.policies;
    const jobs = events.map(({ record, event }) => ({
      circuit: 'telemetry16', proof: proofOf(record.value!),
      publicSignals: telemetryPublicSignals({
        root: fieldFromBytes(event.root), pseudonym: fieldFromBytes(event.pseudonym), nullifier: fieldFromBytes(event.nullifier), commitment: fieldFromBytes(event.commitment),
        state: STATE[event.state], scope: deploymentScope(deployment), stream: fieldFromText(event.stream), epoch: event.epoch, policyFamily: fieldFromText(FAMILY),
        warnLo: policy!.warnLo, warnHi: policy!.warnHi, critLo: policy!.critLo, critHi: policy!.critHi, kWarn: policy!.kWarn, kCrit: policy!.kCrit,
        messageHash: messageHash('telemetry', record.key, record.value!, record.headers),
      }),
    }));
    expect(await verifier.verifyBatch(jobs)).toEqual(jobs.map(() => true));
    await verifier.close();

    for (const { record, event } of events) {
      expect([event.stream, event.state]).toEqual(['open-files', 'CRITICAL']);
      const { readings, salt } = await openReadings(event, sealingPrivateKey);
      expect(readings.every((reading) => reading > 0)).toBe(true);
      const bytes = Buffer.concat([record.key!, record.value!, ...record.headers.flatMap(([name, value]) => [Buffer.from(name), value!])]);
      const clear = readings.flatMap((reading) => [`,${reading},`, String(reading).padStart(10)].map((text) => Buffer.from(text)));
      for (const secretBytes of [...clear, Buffer.from('readings'), Buffer.from(salt.toString(16).padStart(64, '0'), 'hex')]) expect(bytes.includes(secretBytes)).toBe(false);
    }
  }, 2 * PATIENCE_MS);
});
