import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { Readiness, type Log } from '#libs/service';
import { freePorts } from '#libs/stack';
import { connectKafka, ensureTopics, watchTransactions, type KafkaClient } from '#libs/stream';
import { runAuditCommand } from '../../apps/cli/src/audit/commands.js';
import { layoutOf } from '../../apps/cli/src/layout.js';
import { GateMetrics } from '../../apps/proof-gate/src/metrics.js';
import { TransactionWatch, WATCHED_TOPICS } from '../../apps/proof-gate/src/transaction-watch.js';
import { startTestBroker, until, type TestBroker } from '../../libs/stream/test/broker.js';
import { forgetMarkers, untilComplete } from '../../libs/stream/test/forget-markers.js';

/** On a machine that does much else at once. */
const WAIT_MS = 120_000;

let home: string;
let broker: TestBroker;
let kafka: KafkaClient;

/** The command as main.ts runs it: its exit status, what it said, and its error. */
async function repair(...args: string[]): Promise<{ status: number; said: string }> {
  const said: string[] = [];
  const status = await runAuditCommand('repair-transactions', args, {
    layout: () => layoutOf({ home, portBase: 17_400, households: 1 }), say: (line) => void said.push(line), signal: new AbortController().signal,
    fail: (error) => void said.push(error instanceof Error ? error.message : String(error)),
  });
  return { status, said: said.join('\n') };
}

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'attestream-repair-'));
  broker = await startTestBroker();
  kafka = connectKafka({ brokers: broker.brokers, clientId: 'repair', log: { info: () => undefined, warn: () => undefined } });
  await ensureTopics(kafka, { 'audit-log': { partitions: 1, config: { 'message.timestamp.type': 'LogAppendTime' } } });
  const producer = kafka.role('gate').producer({ transactionalId: 'proof-gate-telemetry-0', maxInFlightRequests: 1 });
  await producer.connect();
  const transaction = await producer.transaction();
  await transaction.send({ topic: 'audit-log', messages: [{ value: 'verdict' }] });
  await transaction.commit();
  await producer.disconnect();
  await untilComplete(kafka, ['proof-gate-telemetry-0']);
  await broker.kill();
  forgetMarkers(broker.dataDir, 'audit-log', 0);
  await broker.start();
}, 300_000);

afterAll(async () => {
  kafka.close();
  await broker.remove();
  rmSync(home, { recursive: true, force: true });
}, 120_000);

it('the gate names it in its metrics, its log and its ready state, until it is repaired', async () => {
  const registry = new Registry();
  const readiness = new Readiness();
  const lines: string[] = [];
  const write = (first: unknown, second?: unknown) => void lines.push(typeof first === 'string' ? first : String(second));
  const watch = new TransactionWatch({ info: write, error: write } as unknown as Log, readiness, new GateMetrics(registry));
  const stop = new AbortController();
  const watching = watchTransactions(kafka, { topics: WATCHED_TOPICS, everyMs: 200, onLook: (held) => watch.look(held) }, stop.signal);
  const hanging = async () => /^attestream_hanging_transactions\{topic="audit-log",partition="0"\} 1$/m.test(await registry.metrics());
  try {
    await until('the metrics name it', hanging, WAIT_MS);
    expect(await registry.metrics()).toMatch(/^attestream_last_stable_offset_lag_seconds\{topic="audit-log",partition="0"\} /m);
    expect(readiness.status().waitingFor['transactions']).toMatch(/^ATS_TRANSACTION_HANGING: .*audit-log\[0\] from offset 0, of proof-gate-telemetry-0/);

    const look = await repair('--brokers', broker.brokers[0]!);
    expect(look.status).toBe(1);
    expect(look.said).toMatch(/proof-gate-telemetry-0 .*audit-log\[0\] from offset 0.*: would be committed: PrepareCommit .*\n1 in all; nothing was written/);
    expect(await hanging()).toBe(true);

    const done = await repair('--brokers', broker.brokers[0]!, '--yes', '--json');
    expect(done.status).toBe(0);
    expect(JSON.parse(done.said)).toMatchObject({ format: 'attestream/hanging-transactions/1', transactions: [{ topic: 'audit-log', partition: 0, startOffset: '0', decision: 'commit', outcome: 'committed' }] });
    await until('the ready state is clear', () => readiness.ready, WAIT_MS);
    expect(await hanging()).toBe(false);
    // Once each, however often it was looked.
    expect(lines.map((line) => line.split(':')[0])).toEqual(['ATS_TRANSACTION_HANGING', 'no transaction hangs any more']);
  } finally {
    stop.abort();
    await watching;
  }
  expect(await repair('--brokers', broker.brokers[0]!, '--yes')).toEqual({ status: 0, said: 'no transaction hangs' });
}, 300_000);

it('what could not look says so, and is no all-clear', async () => {
  const [port] = await freePorts(1);
  const { status, said } = await repair('--brokers', `127.0.0.1:${port}`);
  expect([status, said]).toEqual([2, expect.stringContaining('ATS_BROKER_UNREACHABLE')]);
  expect((await repair()).status).toBe(2);
  expect((await repair('--brokers', broker.brokers[0]!, '--assume-aborted')).said).toContain('ATS_CONFIG_INVALID');
}, 120_000);
