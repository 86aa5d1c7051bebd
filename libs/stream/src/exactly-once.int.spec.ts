import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { KafkaRecord } from '#libs/events';
import { startTestBroker, until, type TestBroker } from '../test/broker.js';
import { buildWorker } from '../test/build.js';
import { violations } from '../test/verify.js';
import { connectKafka, ensureTopics, EventProducer, LogReader, type KafkaClient } from './index.js';
import { LogSession } from './log-session.js';

const PARTITIONS = 4;
const TOPIC = { group: 'gate', input: 'input', output: 'output', audit: 'audit' };

let broker: TestBroker;
let kafka: KafkaClient;
let reader: LogReader;
let session: LogSession;
let dir: string;
let worker: string;
const workers = new Map<string, { child: ChildProcess; memberId?: string }>();
const happened: { id: string; kind: string; why?: string; partition?: number; next?: string }[] = [];
let supervising = true;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'attestream-worker-'));
  [broker, worker] = await Promise.all([startTestBroker(), buildWorker(dir)]);
  kafka = connectKafka({ brokers: broker.brokers, clientId: 'driver' });
  reader = new LogReader(kafka);
  session = new LogSession(kafka, 'evictor');
  const config = { 'message.timestamp.type': 'LogAppendTime' };
  await ensureTopics(kafka, { [TOPIC.input]: { partitions: PARTITIONS, config }, [TOPIC.output]: { partitions: PARTITIONS, config }, [TOPIC.audit]: { partitions: 1, config } });
}, 60_000);

afterAll(async () => {
  supervising = false;
  for (const { child } of workers.values()) child.kill('SIGKILL');
  await session.close();
  await reader.close();
  kafka.close();
  await broker.remove();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

function startWorker(id: string): void {
  const env = {
    ...process.env, BROKER: broker.brokers[0], GROUP: TOPIC.group, INPUT: TOPIC.input, OUTPUT: TOPIC.output, AUDIT: TOPIC.audit,
    WORKER: id, MEMBER_FILE: join(dir, `${id}.member`), NODE_OPTIONS: '',
  };
  const child = fork(worker, { env, execArgv: [] });
  const entry: { child: ChildProcess; memberId?: string } = { child };
  workers.set(id, entry);
  child.on('message', (message: { kind: string }) => void happened.push({ id, ...message }));
  child.on('exit', () => { if (supervising) startWorker(id); });
}

/** Sends input until told to stop: a tenth of the records repeat a key of their partition. Returns how many. */
async function traffic(signal: AbortSignal): Promise<number> {
  const producer = new EventProducer(kafka);
  const used: string[][] = Array.from({ length: PARTITIONS }, () => []);
  let count = 0;
  while (!signal.aborted) {
    await producer.send(Array.from({ length: 20 }, () => {
      const partition = count % PARTITIONS;
      const keys = used[partition]!;
      const key = ++count % 10 === 0 && keys.length > 0 ? keys.at(-1 - (count % Math.min(keys.length, 30)))! : `key ${count}`;
      keys.push(key);
      return { topic: TOPIC.input, partition, key: Buffer.from(key), value: Buffer.alloc(200), headers: {} };
    }));
    await delay(50);
  }
  await producer.close();
  return count;
}

const committed = (partition: number) => reader.committed(TOPIC.group, TOPIC.input, partition);
const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);

async function all(topic: string, partition: number): Promise<KafkaRecord[]> {
  const records: KafkaRecord[] = [];
  for await (const record of reader.readAll(topic, partition, 0n)) records.push(record);
  return records;
}

it('every input has one output, though processes are killed ten times, frozen past their session, and evicted while frozen', async () => {
  const over = new AbortController();
  const sending = traffic(over.signal);
  const rewinds: string[] = [];
  const watching = (async () => {
    const last = new Map<number, bigint>();
    while (!over.signal.aborted) {
      for (const partition of partitions) {
        const offset = (await committed(partition)) ?? 0n;
        if (offset < (last.get(partition) ?? 0n)) rewinds.push(`${partition}: ${last.get(partition)} -> ${offset}`);
        last.set(partition, offset);
      }
      await delay(50);
    }
  })();
  startWorker('a');
  startWorker('b');
  await until('both workers commit', () => ['a', 'b'].every((id) => happened.some((event) => event.id === id && event.kind === 'committed')));

  const commits = () => happened.filter(({ kind }) => kind === 'committed').length;
  for (let kill = 0; kill < 10; kill++) {
    workers.get(kill % 2 ? 'a' : 'b')!.child.kill('SIGKILL');
    // Every other kill falls while the successor is still taking over.
    if (kill % 3 === 2) await delay(600);
    else await until('commits go on', ((before) => () => commits() > before + 5)(commits()));
    if (kill === 4) await freeze('a', 8000);
    if (kill === 7) await evict('b', 1500);
    if (kill === 8) await evict('a', 2200);
  }
  over.abort();
  const count = await sending;
  await watching;
  await until('all input is committed', async () => (await Promise.all(partitions.map(async (p) => (await committed(p)) === (await reader.highWatermark(TOPIC.input, p))))).every(Boolean), 40_000);

  const inputs = await Promise.all(partitions.map((p) => all(TOPIC.input, p)));
  expect(inputs.flat()).toHaveLength(count);
  const outputs = await Promise.all(partitions.map((p) => all(TOPIC.output, p)));
  const audit = await all(TOPIC.audit, 0);
  expect(violations(inputs, outputs, audit)).toEqual([]);
  expect(audit).toHaveLength(count);
  expect(rewinds).toEqual([]);
  console.log(`${count} records, ${commits()} transactions, ${happened.filter(({ kind }) => kind === 'opened').length} openings, resets: ${JSON.stringify(happened.filter(({ kind }) => kind === 'reset' || kind === 'fatal' || kind === 'log').map(({ why, ...e }) => why ?? e))}`);
}, 120_000);

async function freeze(id: string, milliseconds: number): Promise<void> {
  const { child } = workers.get(id)!;
  child.kill('SIGSTOP');
  await delay(milliseconds);
  child.kill('SIGCONT');
}

/** The sharpest case: the group gives the partitions away at once, and the zombie wakes before any of its time-outs. */
async function evict(id: string, milliseconds: number): Promise<void> {
  const { readFileSync } = await import('node:fs');
  workers.get(id)!.child.kill('SIGSTOP');
  await session.leaveGroup(TOPIC.group, readFileSync(join(dir, `${id}.member`), 'utf8'), { patienceMs: 5000 });
  await delay(milliseconds);
  workers.get(id)!.child.kill('SIGCONT');
}
