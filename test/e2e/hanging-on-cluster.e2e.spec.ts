import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { Readiness, type Log } from '#libs/service';
import { startKafkaCluster, type KafkaCluster } from '#libs/stack';
import { connectKafka, ensureTopics, findHangingTransactions, LogReader, watchTransactions, type KafkaClient } from '#libs/stream';
import { runAuditCommand } from '../../apps/cli/src/audit/commands.js';
import { layoutOf } from '../../apps/cli/src/layout.js';
import { GateMetrics } from '../../apps/proof-gate/src/metrics.js';
import { TransactionWatch, WATCHED_TOPICS } from '../../apps/proof-gate/src/transaction-watch.js';
import { until } from '../../libs/stream/test/broker.js';
import { forgetMarkers, untilComplete } from '../../libs/stream/test/forget-markers.js';
import { Transacting } from '../../libs/stream/test/transacting.js';

/** On a machine that does much else at once. */
const WAIT_MS = 120_000;
const silent = { info: () => undefined, warn: () => undefined };
const BROKERS = [0, 1, 2] as const;
const ID = 'proof-gate-telemetry-0';

let folder: string;
let cluster: KafkaCluster;
let kafka: KafkaClient;

/** The command as main.ts runs it. */
async function repair(...args: string[]): Promise<{ status: number; said: string }> {
  const said: string[] = [];
  const status = await runAuditCommand('repair-transactions', ['--brokers', cluster.brokers, ...args], {
    layout: () => layoutOf({ home: folder, portBase: 17_400, households: 1 }), say: (line) => void said.push(line), signal: new AbortController().signal,
    fail: (error) => void said.push(error instanceof Error ? error.message : String(error)),
  });
  return { status, said: said.join('\n') };
}

/** Two transactions of the gate's id, each of an output and the offset of the input that it came from. */
async function transactTwice(): Promise<void> {
  const producer = kafka.role('gate').producer({ transactionalId: ID, maxInFlightRequests: 1 });
  await producer.connect();
  for (const [value, offset] of [['first', '1'], ['second', '2']] as const) {
    const transaction = await producer.transaction();
    await transaction.send({ topic: 'audit-log', messages: [{ value }] });
    await transaction.sendOffsets({ consumerGroupId: 'proof-gate', topics: [{ topic: 'input', partitions: [{ partition: 0, offset }] }] });
    await transaction.commit();
  }
  await producer.disconnect();
  await untilComplete(kafka, [ID]);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'attestream-cluster-'));
  cluster = await startKafkaCluster({ folder });
  kafka = connectKafka({ brokers: cluster.addresses, clientId: 'cluster', log: silent });
}, 300_000);

afterAll(async () => {
  kafka.close();
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
}, 180_000);

it('a transaction under way does not hang, whichever broker coordinates it', async () => {
  await ensureTopics(kafka, { 'under-way': { partitions: 1, config: {} } }, { replicationFactor: BROKERS.length });
  // The first transaction makes the coordinators' log, whose four partitions the brokers share.
  const producers = [0, 1, 2, 3].map((n) => kafka.role(`under-way-${n}`).producer({ transactionalId: `proof-gate-telemetry-${n}`, maxInFlightRequests: 1, transactionTimeout: WAIT_MS }));
  for (const producer of producers) await producer.connect();
  const transactions = await Promise.all(producers.map((producer) => producer.transaction()));
  for (const transaction of transactions) await transaction.send({ topic: 'under-way', messages: [{ value: 'one' }] });
  expect(await findHangingTransactions(kafka, { patienceMs: 60_000 })).toEqual([]);
  for (const transaction of transactions) await transaction.commit();
  for (const producer of producers) await producer.disconnect();
}, 300_000);

it('a broker of three that is killed under load leaves nothing hanging, and every transaction whole', async () => {
  const transacting = new Transacting(kafka, 4);
  try {
    await transacting.begin(BROKERS.length);
    await until('transactions go on', () => transacting.committed > 30, WAIT_MS);
    await cluster.kill(1);
    const before = transacting.committed;
    await until('transactions go on without it', () => transacting.committed > before + 10, WAIT_MS);
    await cluster.start(1);
    expect(await transacting.end()).toEqual([]);
    await until('nothing hangs', async () => (await findHangingTransactions(kafka, { patienceMs: 60_000 })).length === 0, WAIT_MS);
  } finally {
    await transacting.stop();
  }
}, 600_000);

it('a marker that all three have lost is named in the metrics, and the one command ends it as it was decided and says so', async () => {
  await ensureTopics(kafka, { 'audit-log': { partitions: 1, config: { 'message.timestamp.type': 'LogAppendTime', 'compression.type': 'uncompressed' } } }, { replicationFactor: BROKERS.length });
  await transactTwice();
  await Promise.all(BROKERS.map((broker) => cluster.kill(broker)));
  for (const broker of BROKERS) forgetMarkers(join(folder, `broker-${broker}`, 'data'), 'audit-log', 0);
  await Promise.all(BROKERS.map((broker) => cluster.start(broker)));

  const registry = new Registry();
  const readiness = new Readiness();
  const watch = new TransactionWatch({ ...silent, error: () => undefined } as unknown as Log, readiness, new GateMetrics(registry));
  const stop = new AbortController();
  const watching = watchTransactions(kafka, { topics: WATCHED_TOPICS, everyMs: 200, onLook: (held) => watch.look(held) }, stop.signal);
  const reader = new LogReader(kafka, { patienceMs: 60_000 });
  try {
    const hanging = async () => /^attestream_hanging_transactions\{topic="audit-log",partition="0"\} 1$/m.test(await registry.metrics());
    await until('the metrics name it', hanging, WAIT_MS);
    expect(readiness.status().waitingFor['transactions']).toMatch(new RegExp(`^ATS_TRANSACTION_HANGING: .*audit-log\\[0\\] from offset 2, of ${ID}`));

    const look = await repair();
    expect(look.status).toBe(1);
    expect(look.said).toMatch(new RegExp(`^the transaction of ${ID} .*audit-log\\[0\\] from offset 2.*: would be committed: PrepareCommit .*\n1 in all; nothing was written`));
    const done = await repair('--yes');
    expect(done.status).toBe(0);
    expect(done.said).toMatch(new RegExp(`^committed the transaction of ${ID} .*audit-log\\[0\\] from offset 2.*: PrepareCommit .*$`));
    await until('the ready state is clear', () => readiness.ready, WAIT_MS);
    expect(await hanging()).toBe(false);

    const values: string[] = [];
    for await (const { value } of reader.readAll('audit-log', 0, 0n)) values.push(value!.toString());
    expect(values).toEqual(['first', 'second']);
    expect(await reader.committed('proof-gate', 'input', 0)).toBe(2n);
  } finally {
    stop.abort();
    await watching;
    await reader.close();
  }
  expect(await repair('--yes')).toEqual({ status: 0, said: 'no transaction hangs' });
}, 600_000);
