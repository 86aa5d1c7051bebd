import { setTimeout as delay } from 'node:timers/promises';
import { lines, startTestBroker, until, type TestBroker } from '../test/broker.js';
import { connectKafka, ensureTopics, EventProducer, ExactlyOnceProcessor, LogReader, repairAfterStart, type KafkaClient, type ProcessorEvent } from './index.js';

const PARTITIONS = 3;
/** A stop is to take less, also while a broker is away. */
const STOP_MS = 5000;

let broker: TestBroker;
const clients: KafkaClient[] = [];

beforeAll(async () => { broker = await startTestBroker(); }, 180_000);
afterAll(async () => {
  for (const client of clients) client.close();
  await broker.remove();
}, 180_000);

/** A processor under load: what comes in is prepared slowly, so that there is always something prepared and something under way. */
async function underLoad(name: string): Promise<{ kafka: KafkaClient; processor: ExactlyOnceProcessor<null, string>; events: ProcessorEvent[]; warnings: string[]; prepared: Set<string> }> {
  const log = lines();
  const kafka = connectKafka({ brokers: broker.brokers, clientId: name, log });
  clients.push(kafka);
  await ensureTopics(kafka, { [`${name}-in`]: { partitions: PARTITIONS, config: {} }, [`${name}-out`]: { partitions: 1, config: {} } });
  const producer = new EventProducer(kafka);
  await producer.send(Array.from({ length: 6000 }, (_, i) => ({ topic: `${name}-in`, partition: i % PARTITIONS, key: null, value: Buffer.from(`${i}`), headers: {} })));
  await producer.close();
  const events: ProcessorEvent[] = [];
  const prepared = new Set<string>();
  const processor = new ExactlyOnceProcessor<null, string>({
    kafka, groupId: name, topics: [`${name}-in`], transactionalIdPrefix: name, maxRecords: 40,
    open: async () => null,
    async prepare(_, records) {
      await delay(5);
      return records.map(({ partition, offset }) => {
        prepared.add(`${partition}/${offset}`);
        return `${partition}/${offset}`;
      });
    },
    process: async (_, records, __, names) => ({ output: names.map((text) => ({ topic: `${name}-out`, partition: 0, key: null, value: Buffer.from(text), headers: {} })), committed: () => undefined }),
    onFatal: (error) => { throw error; },
    onEvent: (event) => void events.push(event),
  });
  await processor.start();
  await until('transactions', () => events.filter(({ kind }) => kind === 'committed').length > 2 * PARTITIONS);
  return { kafka, processor, events, warnings: log.all, prepared };
}

/** Stops it and tells how long that took, milliseconds. */
async function stop(processor: ExactlyOnceProcessor<null, string>): Promise<number> {
  const began = performance.now();
  await processor.stop();
  return performance.now() - began;
}

it('a stop under load ends what is under way, abandons what is only prepared, leaves the group and no transaction open', async () => {
  const { kafka, processor, events, warnings, prepared } = await underLoad('load');
  const took = await stop(processor);
  const reader = new LogReader(kafka);
  // At once: nothing is left to a time-out.
  expect(await reader.lastStable('load-out', 0)).toBe(await reader.highWatermark('load-out', 0));
  expect(warnings).toEqual([]);
  expect(took).toBeLessThan(STOP_MS);

  const outputs: string[] = [];
  for await (const { value } of reader.readAll('load-out', 0, 0n)) outputs.push(value!.toString());
  const committed = await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => reader.committed('load', 'load-in', partition)));
  // What is in the output is what the group's offsets say, and less than what was prepared.
  expect(outputs.length).toBe(committed.reduce((sum, offset) => sum + Number(offset), 0));
  expect(new Set(outputs).size).toBe(outputs.length);
  expect(prepared.size).toBeGreaterThan(outputs.length);
  const commits = events.filter(({ kind }) => kind === 'committed').length;
  await delay(200);
  expect(events.filter(({ kind }) => kind === 'committed')).toHaveLength(commits);

  // Nobody has to wait for a member that is gone: its successor has all partitions at once.
  const joined: number[] = [];
  const successor = new ExactlyOnceProcessor<null>({
    kafka, groupId: 'load', topics: ['load-in'], transactionalIdPrefix: 'load',
    open: async () => null, process: async () => ({ output: [], committed: () => undefined }),
    onFatal: (error) => { throw error; }, onEvent: (event) => { if (event.kind === 'joined') joined.push(event.partitions.length); },
  });
  await successor.start();
  expect(joined).toEqual([PARTITIONS]);
  await successor.stop();
  await reader.close();
}, 240_000);

it.each(['killed', 'frozen'] as const)('a stop takes no longer while the broker is %s, and nothing is open or lost when it is back', async (how) => {
  const { kafka, processor, warnings } = await underLoad(how);
  if (how === 'killed') await broker.kill();
  else broker.freeze();
  const took = await stop(processor);
  if (how === 'killed') {
    await broker.start();
    // As at every start of an embedded node: a killed one may have forgotten a marker.
    await repairAfterStart(kafka, () => undefined);
  } else {
    broker.thaw();
  }
  expect(took).toBeLessThan(STOP_MS);
  // A broker that does not answer leaves open what was under way, and the log says so.
  if (how === 'frozen') expect(warnings.filter((line) => line.startsWith('group frozen'))).not.toEqual([]);
  const reader = new LogReader(kafka, { patienceMs: 60_000 });
  await until('nothing is open', async () => (await reader.lastStable(`${how}-out`, 0)) === (await reader.highWatermark(`${how}-out`, 0)));
  let outputs = 0;
  for await (const _ of reader.readAll(`${how}-out`, 0, 0n)) outputs++;
  const committed = await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => reader.committed(how, `${how}-in`, partition)));
  expect(outputs).toBe(committed.reduce((sum, offset) => sum + Number(offset), 0));
  await reader.close();
}, 240_000);
