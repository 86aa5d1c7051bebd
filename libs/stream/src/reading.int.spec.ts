import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { partitionOf, TOPICS, type KafkaRecord, type OutgoingRecord } from '#libs/events';
import { startTestBroker, until, type TestBroker } from '../test/broker.js';
import { connectKafka, ensureTopics, EventProducer, LogReader, type KafkaClient } from './index.js';

const LOG_APPEND_TIME = { 'message.timestamp.type': 'LogAppendTime', 'compression.type': 'uncompressed' };

let broker: TestBroker;
let kafka: KafkaClient;
let reader: LogReader;
let producer: EventProducer;
let topics = 0;

beforeAll(async () => {
  broker = await startTestBroker();
  kafka = connectKafka({ brokers: broker.brokers, clientId: 'reading' });
  reader = new LogReader(kafka, { patienceMs: 1500 });
  producer = new EventProducer(kafka);
}, 180_000);

afterAll(async () => {
  await producer.close();
  await reader.close();
  kafka.close();
  await broker.remove();
}, 180_000);

async function newTopic(partitions = 1, config: Record<string, string> = LOG_APPEND_TIME): Promise<string> {
  const topic = `reading-${++topics}`;
  await ensureTopics(kafka, { [topic]: { partitions, config } });
  return topic;
}

function record(topic: string, value: string | Buffer, more: Partial<OutgoingRecord> = {}): OutgoingRecord {
  return { topic, key: Buffer.from('k'), value: Buffer.from(value), headers: {}, ...more };
}

async function collect(records: AsyncIterable<KafkaRecord>): Promise<KafkaRecord[]> {
  const all: KafkaRecord[] = [];
  for await (const one of records) all.push(one);
  return all;
}

const values = (records: KafkaRecord[]) => records.map(({ value }) => value!.toString());

/** A transactional producer of plain kafkajs. */
async function transaction(topic: string, id: string) {
  const transactional = kafka.role(id).producer({ transactionalId: `${topic}-${id}`, maxInFlightRequests: 1 });
  await transactional.connect();
  const open = await transactional.transaction();
  const end = (how: 'commit' | 'abort') => open[how]().then(() => transactional.disconnect());
  return {
    put: (value: string, key: Buffer = Buffer.from('x')) => open.send({ topic, messages: [{ key, value }] }),
    commit: () => end('commit'),
    abort: () => end('abort'),
  };
}

describe('records come back as they were sent', () => {
  it('with key, value, headers of any name, broker time and offset', async () => {
    const topic = await newTopic();
    const headers = { toString: Buffer.from('a'), __proto: Buffer.from('b'), constructor: Buffer.from([0, 255]), '7': Buffer.alloc(0) };
    const before = Date.now();
    const [place] = await producer.send([{ topic, key: null, value: Buffer.from([0, 1, 2]), headers }]);
    const [read] = await collect(reader.readAll(topic, 0, 0n));
    expect(place).toEqual({ topic, partition: 0, offset: 0n });
    expect(read).toMatchObject({ topic, partition: 0, offset: 0n, key: null, value: Buffer.from([0, 1, 2]) });
    expect(new Map(read!.headers)).toEqual(new Map(Object.entries(headers)));
    expect(read!.timestamp).toBeGreaterThanOrEqual(before - 1000);
    expect(read!.timestamp).toBeLessThanOrEqual(Date.now() + 1000);
  });

  it('with the time of the broker, whatever the producer claims', async () => {
    const topic = await newTopic();
    const plain = kafka.role('liar').producer();
    await plain.connect();
    await plain.send({ topic, messages: [{ value: 'x', timestamp: '1000' }, { value: 'y', timestamp: '2000' }] });
    await plain.disconnect();
    for (const { timestamp } of await collect(reader.readAll(topic, 0, 0n))) expect(Math.abs(timestamp - Date.now())).toBeLessThan(60_000);
  });

  it('though a producer repeats a header and packs with a codec', async () => {
    const topic = await newTopic();
    const plain = kafka.role('packer').producer();
    await plain.connect();
    await plain.send({ topic, compression: 1, messages: [{ value: 'x', headers: { a: ['1', '2'], valueOf: '3' } }] });
    await plain.disconnect();
    const [read] = await collect(reader.readAll(topic, 0, 0n));
    expect(read!.headers.map(([name, value]) => [name, value!.toString()])).toEqual([['a', '1'], ['a', '2'], ['valueOf', '3']]);
  });

  it('in time that grows with the number of headers, not with its square', async () => {
    const topic = await newTopic();
    const headers = Object.fromEntries(Array.from({ length: 12_000 }, (_, i) => [i.toString(36), Buffer.alloc(0)]));
    await producer.send([record(topic, 'x', { headers })]);
    const before = process.cpuUsage();
    const [read] = await collect(reader.readAll(topic, 0, 0n));
    expect(read!.headers).toHaveLength(12_000);
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(500);
  });
});

describe('a producer', () => {
  it('puts keyed records where murmur2 says, and reports the offset of each', async () => {
    const topic = await newTopic(4);
    const sent = Array.from({ length: 40 }, (_, i) => record(topic, `v${i}`, i % 3 ? { key: Buffer.from(`key ${i}`) } : { partition: i % 4 }));
    const places = await producer.send(sent);
    for (const [i, place] of places.entries()) {
      expect(place.partition).toBe(sent[i]!.partition ?? partitionOf(sent[i]!.key!, 4));
      const [read] = await collect(reader.read(topic, place.partition, place.offset, place.offset + 1n));
      expect(read!.value!.toString()).toBe(`v${i}`);
    }
  });

  it('sends a batch as large as the topic takes, and refuses one byte more before the wire', async () => {
    const topic = await newTopic(1, { ...LOG_APPEND_TIME, 'max.message.bytes': '5000' });
    const limited = new EventProducer(kafka, { limitOf: () => 5000 });
    const headers = { name: Buffer.from('value') };
    const room = 5000 - 61 - 2 /* length */ - 1 - 1 - 1 /* attributes, time, index */ - 2 /* key */ - 2 /* value length */ - 1 - 5 - 6 /* headers */;
    await limited.send([record(topic, Buffer.alloc(room), { headers })]);
    await expect(limited.send([record(topic, Buffer.alloc(room + 1), { headers })])).rejects.toThrow(/^ATS_RECORD_TOO_LARGE: .* 5001 bytes, the topic takes 5000/);
    const unaware = new EventProducer(kafka, { limitOf: () => 9000, deadlineMs: 3000 });
    await expect(unaware.send([record(topic, Buffer.alloc(room + 1), { headers })])).rejects.toThrow('ATS_');
    await limited.close();
    await unaware.close();
    expect(await reader.highWatermark(topic, 0)).toBe(1n);
  }, 60_000);

  it('splits what is more than one batch, in order', async () => {
    const topic = await newTopic();
    const sent = Array.from({ length: 60 }, (_, i) => record(topic, Buffer.alloc(60_000, i)));
    const places = await producer.send(sent);
    expect(places.map(({ offset }) => offset)).toEqual(sent.map((_, i) => BigInt(i)));
    expect((await collect(reader.readAll(topic, 0, 0n))).map(({ value }) => value![0])).toEqual(sent.map((_, i) => i));
  });

  it('names a topic that does not exist', async () => {
    await expect(reader.highWatermark('nowhere', 0)).rejects.toThrow(/^ATS_TOPIC_MISSING/);
  });
});

describe('a reader sees committed records alone', () => {
  const plays: Record<string, (topic: string) => Promise<void>> = {
    'though transactions overlap': async (topic) => {
      const a = await transaction(topic, 'a');
      const b = await transaction(topic, 'b');
      await a.put('a1');
      await b.put('b1');
      await b.abort();
      await a.put('a2');
      await a.abort();
    },
    'though a record has the key that kafkajs takes for a marker': async (topic) => {
      const a = await transaction(topic, 'a');
      await a.put('a1', Buffer.alloc(4));
      await a.put('a2');
      await a.abort();
    },
    'though an aborted and a committed transaction of one producer follow each other': async (topic) => {
      const a = await transaction(topic, 'a');
      const b = await transaction(topic, 'b');
      await b.put('b1');
      await a.put('a1');
      await a.abort();
      const again = await transaction(topic, 'a');
      await again.put('good');
      await again.commit();
      await b.abort();
    },
  };

  for (const [name, play] of Object.entries(plays)) {
    it(`${name}`, async () => {
      const topic = await newTopic();
      await play(topic);
      const last = await transaction(topic, 'last');
      await last.put('good');
      await last.commit();
      const good = name.includes('follow') ? ['good', 'good'] : ['good'];
      expect(values(await collect(reader.readAll(topic, 0, 0n)))).toEqual(good);

      const delivered: string[] = [];
      const consumer = kafka.role('group').consumer({ groupId: `group-${topic}`, maxWaitTimeInMs: 100 });
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      let ended = false;
      consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => { ended ||= BigInt(payload.lastOffset) + 1n >= BigInt(payload.highWatermark); });
      await consumer.run({ eachMessage: async ({ message }) => void delivered.push(message.value!.toString()) });
      await until('the end of the log', () => ended);
      await consumer.disconnect();
      expect(delivered).toEqual(good);
    }, 60_000);
  }

  it('which kafkajs as it is installed does not', async () => {
    const topic = await newTopic();
    await plays['though transactions overlap']!(topic);
    const last = await transaction(topic, 'last');
    await last.put('good');
    await last.commit();
    const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, '../test/unrepaired.mjs'), broker.brokers[0]!, topic, '2']);
    expect(stdout).toMatch(/"a[12]"/);
  }, 60_000);

  it('and fails rather than stop early when an open transaction hides what it must read', async () => {
    const topic = await newTopic();
    await producer.send([record(topic, 'first')]);
    const open = await transaction(topic, 'open');
    await open.put('held back');
    expect(await reader.highWatermark(topic, 0)).toBe(2n);
    expect(await reader.lastStable(topic, 0)).toBe(1n);
    const seen: string[] = [];
    await expect(async () => {
      for await (const { value } of reader.readAll(topic, 0, 0n)) seen.push(value!.toString());
    }).rejects.toThrow(/^ATS_LOG_UNREADABLE: .*can't be read past 1 up to 2/);
    expect(seen).toEqual(['first']);
    await open.commit();
    expect(values(await collect(reader.readAll(topic, 0, 0n)))).toEqual(['first', 'held back']);
  }, 60_000);

  it('and reads to an end that is made of aborted records and markers', async () => {
    const topic = await newTopic();
    await producer.send([record(topic, 'first')]);
    const open = await transaction(topic, 'open');
    await open.put('gone');
    await open.abort();
    expect(values(await collect(reader.readAll(topic, 0, 0n)))).toEqual(['first']);
    expect(await reader.highWatermark(topic, 0)).toBe(3n);
  });
});

describe('a follower', () => {
  it('yields records as they come and ends when its signal is aborted', async () => {
    const topic = await newTopic();
    const stop = new AbortController();
    const seen: string[] = [];
    await producer.send([record(topic, '0')]);
    const following = (async () => {
      for await (const { value } of reader.follow(topic, 0, 0n, stop.signal)) {
        seen.push(value!.toString());
        if (seen.length === 3) stop.abort();
        else await producer.send([record(topic, String(seen.length))]);
      }
    })();
    await following;
    expect(seen).toEqual(['0', '1', '2']);
  });

  it('fails when its offset is outside the log', async () => {
    const topic = await newTopic();
    await expect(collect(reader.follow(topic, 0, 5n, AbortSignal.timeout(20_000)))).rejects.toThrow(/^ATS_LOG_UNREADABLE/);
  }, 60_000);
});

describe('topics', () => {
  it('are created once and refused when they differ', async () => {
    await ensureTopics(kafka, TOPICS);
    await ensureTopics(kafka, TOPICS);
    const different = { ...TOPICS, telemetry: { ...TOPICS.telemetry, partitions: 5, config: { ...TOPICS.telemetry.config, 'retention.ms': '1000' } } };
    await expect(ensureTopics(kafka, different)).rejects.toThrow(/^ATS_TOPIC_MISMATCH: .*telemetry has 4 partitions, not 5; telemetry has retention.ms=-1, not 1000/);
  });

  it('give no committed offset for a group that never was', async () => {
    expect(await reader.committed('nobody', 'telemetry', 0)).toBeNull();
  });
});

it('many partitions read side by side leave no connection behind', async () => {
  const sockets = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
  const [first, second] = [await newTopic(4), await newTopic(4)];
  await producer.send([first, second].flatMap((topic) => [0, 1, 2, 3].map((partition) => record(topic, 'x', { partition }))));
  const before = sockets();
  for (let round = 0; round < 3; round++) {
    const many = new LogReader(kafka, { patienceMs: 10_000 });
    const places = [first, second].flatMap((topic) => [0, 1, 2, 3].map((partition) => [topic, partition] as const));
    const read = await Promise.all(places.map(([topic, partition]) => collect(many.readAll(topic, partition, 0n))));
    expect(read.map((records) => records.length)).toEqual(places.map(() => 1));
    await many.close();
  }
  await until('every connection of the readers is closed', () => sockets() <= before);
});
