import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startTestBroker, type TestBroker } from '../test/broker.js';
import { buildWorker } from '../test/build.js';
import { Chaos } from '../test/chaos.js';
import { connectKafka, type KafkaClient } from './index.js';

let broker: TestBroker;
let kafka: KafkaClient;
let dir: string;
const runs: Chaos[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'attestream-worker-'));
  broker = await startTestBroker();
  kafka = connectKafka({ brokers: broker.brokers, clientId: 'driver' });
}, 180_000);

afterAll(async () => {
  await Promise.all(runs.map((run) => run.close()));
  kafka.close();
  await broker.remove();
  rmSync(dir, { recursive: true, force: true });
}, 180_000);

async function begin(name: string, mutate?: (file: string, code: string) => string): Promise<Chaos> {
  const worker = await buildWorker(join(dir, name), mutate);
  const run = new Chaos(kafka, worker, dir, name);
  runs.push(run);
  await run.begin();
  return run;
}

it('every input has one output, though processes are killed ten times, frozen past their session, and evicted while frozen', async () => {
  const run = await begin('whole');
  const steps = ['sent', 'offsets', 'committed'] as const;
  const frozen = run.freeze('a', 'sent', 8000);
  for (let kill = 0; kill < 4; kill++) {
    run.kill('b');
    await delay(1600);
  }
  await frozen;
  await run.goesOn('b');
  await run.evict('b', 'offsets', 1500);
  for (let kill = 4; kill < 10; kill++) {
    const id = kill % 2 ? 'a' : 'b';
    run.trap(id, { at: steps[kill % 3]!, signal: 'SIGKILL' });
    await delay(1200);
    run.kill(id);
  }
  await run.goesOn('a');
  await run.evict('a', 'sent', 2200);
  await run.goesOn();
  const { records, violations, rewinds } = await run.end();
  expect(violations).toEqual([]);
  expect(rewinds).toEqual([]);
  expect(records).toBeGreaterThan(500);
  // The chaos did reach transactions: it struck within some, and some were fenced or timed out.
  expect(run.sprung().length).toBeGreaterThanOrEqual(4);
  expect(run.count('reset')).toBeGreaterThan(0);
}, 240_000);

it('which the same judge denies to a processor whose successor does not fence it', async () => {
  const run = await begin('unfenced', (file, code) => (file.endsWith('/exactly-once.ts') ? code.replace('transactionalId: `${', 'transactionalId: `${process.pid}-${') : code));
  // On a busy machine the zombie may come too late to do harm: it gets some chances.
  for (let chance = 0; chance < 3; chance++) {
    await run.goesOn('b');
    await run.evict('b', 'offsets', 1500);
    await run.goesOn();
  }
  expect(run.sprung()).toContain('offsets SIGSTOP');
  const { violations } = await run.end();
  expect(violations.length).toBeGreaterThan(0);
}, 180_000);
