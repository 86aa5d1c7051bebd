import { Controller, Module, type INestMicroservice } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { AtsError } from '#libs/errors';
import type { KafkaRecord } from '#libs/events';
import { startTestBroker, until, type TestBroker } from '../test/broker.js';
import { BatchErrorFilter, connectKafka, DeadLetter, ensureTopics, EventProducer, KafkaBatchStrategy, LogReader, RecordBatch, type BatchEvent, type KafkaClient } from './index.js';

let broker: TestBroker;
let kafka: KafkaClient;
let reader: LogReader;
let producer: EventProducer;
let count = 0;

beforeAll(async () => {
  broker = await startTestBroker();
  kafka = connectKafka({ brokers: broker.brokers, clientId: 'batches' });
  reader = new LogReader(kafka);
  producer = new EventProducer(kafka);
}, 180_000);

afterAll(async () => {
  await producer.close();
  await reader.close();
  kafka.close();
  await broker.remove();
}, 180_000);

type Handler = (batch: RecordBatch) => Promise<void>;

/** An app with one handler, as Nest builds it, on a topic and a group of its own. */
async function app(handler: Handler) {
  const topic = `batches-${++count}`;
  await ensureTopics(kafka, { [topic]: { partitions: 1, config: {} } });
  @Controller()
  class Consumer {
    async handle(batch: RecordBatch): Promise<void> {
      await handler(batch);
    }
  }
  EventPattern(topic)(Consumer.prototype, 'handle', Object.getOwnPropertyDescriptor(Consumer.prototype, 'handle')!);
  @Module({ controllers: [Consumer] })
  class App {}
  const dead: { record: KafkaRecord; reason: string }[] = [];
  const events: BatchEvent[] = [];
  const start = async (): Promise<INestMicroservice> => {
    const strategy = new KafkaBatchStrategy({
      kafka, groupId: `${topic}-group`,
      onDeadLetter: (record, reason) => void dead.push({ record, reason }),
      onFatal: (error) => { throw error; },
      onEvent: (event) => void events.push(event),
    });
    const module = await Test.createTestingModule({ imports: [App] }).compile();
    const nest = module.createNestMicroservice({ strategy, logger: false });
    nest.useGlobalFilters(new BatchErrorFilter());
    await nest.listen();
    return nest;
  };
  const send = (...values: string[]) => producer.send(values.map((value) => ({ topic, key: null, value: Buffer.from(value), headers: {} })));
  const committed = () => reader.committed(`${topic}-group`, topic, 0);
  return { topic, start, send, committed, dead, events };
}

const text = ({ value }: KafkaRecord) => value!.toString();

it('commits when the handler has resolved, never before', async () => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => { open = resolve; });
  const seen: string[] = [];
  const { start, send, committed } = await app(async (batch) => {
    seen.push(...batch.records.map(text));
    await gate;
  });
  await send('a', 'b');
  const nest = await start();
  await until('the batch', () => seen.length === 2);
  expect(await committed()).toBeNull();
  open();
  await until('the commit', async () => (await committed()) === 2n);
  await nest.close();
}, 180_000);

it('brings a batch again until its handler resolves, longer than a session lasts, without losing the group', async () => {
  let attempts = 0;
  const began = Date.now();
  const { start, send, committed, events, dead } = await app(async () => {
    attempts++;
    if (Date.now() - began < 8000) throw new AtsError('ATS_ICINGA_UNREACHABLE', 'the test has it so');
  });
  await send('a');
  const nest = await start();
  await until('the commit', async () => (await committed()) === 1n, 40_000);
  expect(attempts).toBeGreaterThan(2);
  expect(events.filter(({ kind }) => kind === 'joined')).toHaveLength(1);
  expect(events.filter(({ kind }) => kind === 'retry')[0]).toMatchObject({ attempt: 0, why: expect.stringMatching(/^ATS_ICINGA_UNREACHABLE: .*: the test has it so/) });
  expect(dead).toEqual([]);
  await nest.close();
}, 180_000);

it('puts a record aside by its reason and handles the others, in order', async () => {
  const handled: string[] = [];
  const { start, send, committed, dead } = await app(async (batch) => {
    const events = await batch.decode((record) => {
      if (text(record) === 'garbage') throw new AtsError('ATS_EVENT_MALFORMED', 'it is garbage');
      return text(record).toUpperCase();
    });
    const refused = events.find(({ event }) => event === 'REFUSED');
    if (refused) throw new DeadLetter(refused.record, 'UNWANTED');
    handled.push(...events.map(({ event }) => event));
  });
  await send('a', 'garbage', 'b', 'refused', 'c');
  const nest = await start();
  await until('the commit', async () => (await committed()) === 5n);
  expect(handled).toEqual(['A', 'B', 'C']);
  expect(dead.map(({ record, reason }) => [text(record), reason])).toEqual([['garbage', 'ATS_EVENT_MALFORMED'], ['refused', 'UNWANTED']]);
  await nest.close();
}, 180_000);

it('completes and commits the batch under way when it is stopped, and leaves the group at once', async () => {
  const { start, send, committed, events } = await app(async (batch) => {
    await until('the stop', () => batch.signal.aborted);
  });
  await send('a', 'b', 'c');
  const first = await start();
  await until('the group', () => events.some(({ kind }) => kind === 'joined'));
  await new Promise((resolve) => setTimeout(resolve, 500));
  await first.close();
  expect(await committed()).toBe(3n);
  events.length = 0;
  const began = Date.now();
  const second = await start();
  await until('the group again', () => events.some(({ kind }) => kind === 'joined'));
  expect(Date.now() - began).toBeLessThan(5000);
  await second.close();
}, 180_000);

it('a batch waits for the one before, and is left to the next run when a stop comes first', async () => {
  const begun: string[][] = [];
  const ends: (() => void)[] = [];
  const { start, send, committed, events } = await app(async (batch) => {
    begun.push(batch.records.map(text));
    await new Promise<void>((resolve) => { ends.push(resolve); });
  });
  await send('a');
  const nest = await start();
  await until('the first batch', () => begun.length === 1);
  await send('b');
  // Fetched while the first is handled: longer than a long poll.
  await new Promise((resolve) => setTimeout(resolve, 1000));
  expect(begun).toEqual([['a']]);
  const closed = nest.close();
  ends[0]!();
  await closed;
  expect([begun, await committed()]).toEqual([[['a']], 1n]);
  const again = await start();
  await until('the second batch', () => begun.length === 2);
  ends[1]!();
  await until('the commit', async () => (await committed()) === 2n);
  expect(begun).toEqual([['a'], ['b']]);
  expect(events.filter(({ kind }) => kind === 'retry')).toEqual([]);
  await again.close();
}, 180_000);

it('a batch that its handler gives up on a stop is left to the next run, and the stop ends', async () => {
  let given = 0;
  const { start, send, committed } = await app(async (batch) => {
    given++;
    await new Promise<void>((resolve) => { batch.signal.addEventListener('abort', () => resolve()); });
    throw new AtsError('ATS_ICINGA_UNREACHABLE', 'no longer wanted');
  });
  await send('a');
  const nest = await start();
  await until('the batch', () => given === 1);
  await nest.close();
  expect([given, await committed()]).toEqual([1, null]);
}, 180_000);
