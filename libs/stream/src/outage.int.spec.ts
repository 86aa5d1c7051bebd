import { createRequire } from 'node:module';
import { lines, startTestBroker, until, type TestBroker } from '../test/broker.js';
import { protocolError } from './kafkajs.js';
import { connectKafka, ensureTopics, EventProducer, ExactlyOnceProcessor, LogReader, type ProcessorEvent } from './index.js';

let broker: TestBroker;

beforeAll(async () => { broker = await startTestBroker(); }, 180_000);
afterAll(async () => { await broker.remove(); }, 180_000);

it('a broker that goes away and comes back is two lines in the log, and readers, producers and processors go on', async () => {
  const log = lines();
  const problems: boolean[] = [];
  const kafka = connectKafka({ brokers: broker.brokers, clientId: 'outage', log, onReachability: (problem) => void problems.push(problem !== null) });
  await ensureTopics(kafka, { input: { partitions: 1, config: {} }, output: { partitions: 1, config: {} } });
  const events: ProcessorEvent[] = [];
  const fatal: Error[] = [];
  const processor = new ExactlyOnceProcessor<null>({
    kafka, groupId: 'outage', topics: ['input'], transactionalIdPrefix: 'outage',
    open: async () => null,
    process: async (_, records) => ({ output: records.map(({ value }) => ({ topic: 'output', partition: 0, key: null, value: value!, headers: {} })), committed: () => undefined }),
    onFatal: (error) => void fatal.push(error),
    onEvent: (event) => void events.push(event),
  });
  const seen: string[] = [];
  const stop = new AbortController();
  const reader = new LogReader(kafka, { patienceMs: 1000 });
  const producer = new EventProducer(kafka, { deadlineMs: 3000 });
  const send = (value: string) => producer.send([{ topic: 'input', key: null, value: Buffer.from(value), headers: {} }]);
  const following = (async () => {
    for await (const { value } of reader.follow('output', 0, 0n, stop.signal)) seen.push(value!.toString());
  })();
  await processor.start();
  await send('before');
  await until('the first record', () => seen.length === 1);

  await broker.stop();
  await until('the outage is told', () => problems.length === 1);
  await expect(send('lost')).rejects.toThrow(/^ATS_BROKER_UNREACHABLE: .*127\.0\.0\.1:/);
  await expect(reader.highWatermark('input', 0)).rejects.toThrow(/^ATS_BROKER_UNREACHABLE/);
  expect(kafka.problem?.code).toBe('ATS_BROKER_UNREACHABLE');
  await broker.start();
  await until('the producer', async () => await send('after').then(() => true, () => false), 60_000);
  await until('the record after the outage', () => seen.includes('after'), 60_000);
  expect(log.all).toEqual([expect.stringMatching(/^ATS_BROKER_UNREACHABLE: no Kafka broker answers: 127\.0\.0\.1:\d+: /), expect.stringMatching(/^Kafka answers again after \d+\.\d s$/)]);
  expect(problems).toEqual([true, false]);
  expect(fatal).toEqual([]);
  expect(seen.filter((value) => value === 'before')).toHaveLength(1);
  expect(processor.status()).toMatchObject({ joined: true, partitions: [{ topic: 'input', partition: 0 }], fatal: undefined });

  stop.abort();
  await following;
  await processor.stop();
  await producer.close();
  await reader.close();
  kafka.close();
}, 240_000);

it('whoever starts before the broker waits for it', async () => {
  await broker.stop();
  const log = lines();
  const kafka = connectKafka({ brokers: broker.brokers, clientId: 'early', log });
  const processor = new ExactlyOnceProcessor<null>({
    kafka, groupId: 'early', topics: ['input'], transactionalIdPrefix: 'early',
    open: async () => null, process: async () => ({ output: [], committed: () => undefined }), onFatal: (error) => { throw error; },
  });
  const starting = processor.start();
  const topics = ensureTopics(kafka, { input: { partitions: 1, config: {} } });
  await until('the outage is told', () => log.all.length === 1);
  await broker.start();
  await starting;
  await topics;
  const reader = new LogReader(kafka);
  await until('the offset without any output', async () => (await reader.committed('early', 'input', 0)) === (await reader.highWatermark('input', 0)), 30_000);
  expect(processor.status().joined).toBe(true);
  await processor.stop();
  await reader.close();
  kafka.close();
}, 240_000);

it('a member whose join failed in a rebalance that the coordinator has forgotten joins again', async () => {
  const kafka = connectKafka({ brokers: broker.brokers, clientId: 'forgotten', log: lines() });
  await ensureTopics(kafka, { forgotten: { partitions: 1, config: {} }, remembered: { partitions: 1, config: {} } });
  let joins = 0;
  const processor = new ExactlyOnceProcessor<null>({
    kafka, groupId: 'forgotten', topics: ['forgotten'], transactionalIdPrefix: 'forgotten',
    open: async () => null,
    process: async (_, records) => ({ output: records.map(({ value }) => ({ topic: 'remembered', partition: 0, key: null, value: value!, headers: {} })), committed: () => undefined }),
    onFatal: (error) => { throw error; },
    onEvent: ({ kind }) => { if (kind === 'joined') joins++; },
  });
  const producer = new EventProducer(kafka);
  const send = (value: string) => producer.send([{ topic: 'forgotten', key: null, value: Buffer.from(value), headers: {} }]);
  const reader = new LogReader(kafka);
  const arrived = async (count: bigint) => (await reader.committed('forgotten', 'forgotten', 0)) === count;
  await processor.start();
  await send('before');
  await until('the first record', () => arrived(1n));
  // The coordinator says rebalance, is killed, and what takes its place knows the group as it was: the join is the one thing that fails.
  const joined = joins;
  const failed = { heartbeat: failOnce('heartbeat', protocolError(27)), joinGroup: failOnce('joinGroup', connectionClosed('the connection ended')) };
  await until('the join that fails', () => failed.heartbeat.done && failed.joinGroup.done);
  await send('after');
  await until('the record after it', () => arrived(2n));
  expect(joins).toBe(joined + 1);
  await Promise.all([processor.stop(), producer.close(), reader.close()]);
  kafka.close();
}, 120_000);

it('whoever comes back as another member takes out of the group whom it was: nobody waits for the end of that session', async () => {
  const kafka = connectKafka({ brokers: broker.brokers, clientId: 'former', log: lines() });
  await ensureTopics(kafka, { former: { partitions: 1, config: {} } });
  const processor = new ExactlyOnceProcessor<null>({
    kafka, groupId: 'former', topics: ['former'], transactionalIdPrefix: 'former',
    open: async () => null, process: async () => ({ output: [], committed: () => undefined }), onFatal: (error) => { throw error; },
  });
  await processor.start();
  const former = processor.status().memberId!;
  // As when no broker answers for long: the client gives the member up, can't leave for it, and begins anew.
  const leaves = failOnce('leaveGroup', connectionClosed('the connection ended'));
  failOnce('heartbeat', kafkaError('KafkaJSNoBrokerAvailableError'));
  await until('another member', () => ![former, undefined].includes(processor.status().memberId));
  expect(leaves.asked.map(({ memberId }) => memberId)).toEqual([former, former]);
  await processor.stop();
  kafka.close();
}, 120_000);

const kafkaError = (name: string, message?: string): Error => new (createRequire(import.meta.url)('kafkajs/src/errors.js') as Record<string, new (message?: string) => Error>)[name]!(message);
const connectionClosed = (message: string): Error => kafkaError('KafkaJSConnectionClosedError', message);

/** Lets the next request of this kind fail, of whichever client of this process; `asked` has its parameters, and those of all that follow. */
function failOnce(request: 'heartbeat' | 'joinGroup' | 'leaveGroup', error: Error): { readonly done: boolean; asked: { memberId: string }[] } {
  const { prototype } = createRequire(import.meta.url)('kafkajs/src/broker/index.js') as { prototype: Record<typeof request, (asked: { memberId: string }) => Promise<unknown>> };
  const whole = prototype[request];
  const asked: { memberId: string }[] = [];
  prototype[request] = async function failing(parameters) {
    asked.push(parameters);
    if (asked.length === 1) throw error;
    return await whole.call(this, parameters);
  };
  return { asked, get done() { return asked.length > 0; } };
}
