import { partitionOf, type OutgoingRecord } from '#libs/events';
import { CODES, ScriptedBrokers } from '../test/scripted-brokers.js';
import { following, TransactionalProducer } from './transactional-producer.js';
import { Unbroken } from './unbroken.js';

function record(topic: string, partition: number, value = 'v'): OutgoingRecord {
  return { topic, partition, key: null, value: Buffer.from(value), headers: {} };
}

const OUT = [{ topic: 'out', partition: 0, records: [record('out', 0), record('out', 0)] }, { topic: 'log', partition: 2, records: [record('log', 2)] }];

let brokers: ScriptedBrokers;
let unbroken: Unbroken;
let producer: TransactionalProducer;

beforeEach(async () => {
  brokers = new ScriptedBrokers();
  unbroken = new Unbroken();
  producer = new TransactionalProducer({ kafka: brokers.kafka, transactionalId: 'id', timeoutMs: 2000, unbroken });
  await producer.init();
  brokers.asked.length = 0;
});

async function transaction(next: bigint): Promise<void> {
  await producer.begin(OUT);
  await Promise.all([producer.moveOffset('group', { topic: 'in', partition: 1, next }), producer.write(OUT)]);
  await producer.commit();
}

it('a coordinator knows of a partition before its first record is sent, and of the group before its offset; the end comes last', async () => {
  await transaction(9n);
  expect(brokers.asked).toEqual([
    'AddPartitionsToTxn out/0,log/2', 'AddOffsetsToTxn group', 'Produce 1: out/0#0,log/2#0', 'FindCoordinator 0', 'TxnOffsetCommit in/1=9', 'EndTxn true',
  ]);
});

it('from the second transaction on, it is five requests; sequence numbers go on in each partition', async () => {
  await transaction(9n);
  brokers.asked.length = 0;
  await transaction(12n);
  expect(brokers.asked).toEqual(['AddPartitionsToTxn out/0,log/2', 'AddOffsetsToTxn group', 'Produce 1: out/0#2,log/2#1', 'TxnOffsetCommit in/1=12', 'EndTxn true']);
});

it('every partition has sequence numbers of its own, also those of one topic', async () => {
  const batches = [{ topic: 'out', partition: 0, records: [record('out', 0), record('out', 0)] }, { topic: 'out', partition: 3, records: [record('out', 3)] }];
  for (let n = 0; n < 2; n++) {
    await producer.begin(batches);
    await producer.write(batches);
  }
  expect(brokers.asked).toEqual(['AddPartitionsToTxn out/0,out/3', 'Produce 1: out/0#0,out/3#0', 'AddPartitionsToTxn out/0,out/3', 'Produce 1: out/0#2,out/3#1']);
});

it('the id asks for its time-out, and every batch is in its name, written once all replicas in sync have it', async () => {
  await transaction(9n);
  expect(brokers.inits).toEqual([{ transactionalId: 'id', transactionTimeout: 2000 }]);
  expect(brokers.heads).toEqual([{ transactionalId: 'id', acks: -1, timeoutMs: 30_000 }]);
});

it('each coordinator is remembered as what it coordinates, though group and id have one name', async () => {
  brokers.coordinators.set(0, 4).set(1, 3);
  await producer.forget();
  for (const next of [9n, 12n]) {
    brokers.served.length = 0;
    await producer.begin(OUT);
    await producer.moveOffset('id', { topic: 'in', partition: 1, next });
    await producer.write(OUT);
    await producer.commit();
    expect(brokers.served).toEqual(['3 AddPartitionsToTxn', '3 AddOffsetsToTxn', '4 TxnOffsetCommit', '1 Produce', '3 EndTxn']);
  }
});

it('sequence numbers go from 2^31 - 1 on to 0, as Kafka counts them', () => {
  expect([following(0, 3), following(0x7fff_fffd, 2), following(0x7fff_fffd, 3), following(0x7fff_fffd, 500)]).toEqual([3, 0x7fff_ffff, 0, 497]);
});

it('every leader gets its own partitions, whatever the topic', async () => {
  brokers.leaders.set('log/2', 5);
  await transaction(9n);
  expect(brokers.asked.filter((line) => line.startsWith('Produce'))).toEqual(['Produce 1: out/0#0', 'Produce 5: log/2#0']);
});

it('while the last transaction is being ended, it asks again, and nobody else', async () => {
  brokers.errors.set('AddPartitionsToTxn', [CODES.CONCURRENT, CODES.CONCURRENT]);
  await transaction(9n);
  expect(brokers.asked.filter((line) => line.startsWith('AddPartitionsToTxn'))).toHaveLength(3);
  expect(brokers.asked.filter((line) => line === 'FindCoordinator 1')).toHaveLength(0);
  expect(brokers.refreshes).toBe(0);
});

it.each(['AddPartitionsToTxn', 'AddOffsetsToTxn', 'TxnOffsetCommit'])('%s: a coordinator that is none any more is looked for anew', async (request) => {
  brokers.errors.set(request, [CODES.NOT_COORDINATOR]);
  await transaction(9n);
  expect(brokers.asked.filter((line) => line.startsWith(request))).toHaveLength(2);
  expect(brokers.asked.filter((line) => line === `FindCoordinator ${request === 'TxnOffsetCommit' ? 0 : 1}`).length).toBeGreaterThanOrEqual(1);
  expect(brokers.refreshes).toBe(1);
});

it('what a broker has refused for another leads the partition is sent there, in the same bytes', async () => {
  brokers.errors.set('Produce', [CODES.NOT_LEADER]);
  brokers.cluster.refreshMetadata = async () => {
    brokers.refreshes++;
    brokers.leaders.set('out/0', 5);
  };
  await transaction(9n);
  expect(brokers.asked.filter((line) => line.startsWith('Produce'))).toEqual(['Produce 1: out/0#0,log/2#0', 'Produce 5: out/0#0', 'Produce 1: log/2#0']);
  expect(brokers.batches[2]!.equals(brokers.batches[0]!)).toBe(true);
  expect(brokers.batches[3]!.equals(brokers.batches[1]!)).toBe(true);
  await transaction(12n);
  expect(brokers.asked.filter((line) => line.startsWith('Produce')).slice(3)).toEqual(['Produce 5: out/0#2', 'Produce 1: log/2#1']);
});

it.each(['LOADING', 'NOT_AVAILABLE', 'NOT_COORDINATOR', 'CONCURRENT'] as const)('a coordinator that moves before it has ended the transaction (%s) does so where it is then', async (code) => {
  brokers.errors.set('EndTxn', [CODES[code]]);
  await transaction(9n);
  expect(brokers.asked.filter((line) => line.startsWith('EndTxn'))).toEqual(['EndTxn true', 'EndTxn true']);
  expect(brokers.asked.filter((line) => line === 'FindCoordinator 1')).toHaveLength(code === 'CONCURRENT' ? 0 : 1);
});

it('a broker that does not know of the move yet, and refuses to tell of leaders, is asked again', async () => {
  brokers.errors.set('Produce', [CODES.NOT_LEADER]);
  brokers.errors.set('Metadata', [CODES.UNKNOWN_TOPIC, CODES.UNKNOWN_TOPIC]);
  await transaction(9n);
  expect(brokers.refreshes).toBe(3);
  expect(brokers.asked.filter((line) => line.startsWith('Produce'))).toHaveLength(2);
});

it('after connections have ended, coordinators and leaders are looked for anew before the next transaction', async () => {
  await transaction(9n);
  brokers.asked.length = 0;
  await producer.forget();
  expect(brokers.asked).toEqual(['Metadata']);
  await transaction(12n);
  expect(brokers.asked.filter((line) => line.startsWith('FindCoordinator'))).toEqual(['FindCoordinator 1', 'FindCoordinator 0']);
});

it.each(['AddPartitionsToTxn', 'AddOffsetsToTxn', 'Produce', 'TxnOffsetCommit', 'EndTxn'])('%s: who was fenced asks no more', async (request) => {
  brokers.errors.set(request, [CODES.FENCED]);
  await expect(transaction(9n)).rejects.toMatchObject({ type: 'INVALID_PRODUCER_EPOCH' });
  expect(brokers.asked.filter((line) => line.startsWith(request))).toHaveLength(1);
  if (request !== 'EndTxn') expect(brokers.asked.filter((line) => line.startsWith('EndTxn'))).toHaveLength(0);
});

it('a commit waits for the answers about all that it commits', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  brokers.hold = promise;
  const done = transaction(9n);
  while (!brokers.asked.some((line) => line.startsWith('TxnOffsetCommit'))) await new Promise((next) => setImmediate(next));
  expect(brokers.asked.some((line) => line.startsWith('EndTxn'))).toBe(false);
  resolve();
  await done;
  expect(brokers.asked.at(-1)).toBe('EndTxn true');
});

it('a closed one gives up what it would ask again', async () => {
  brokers.errors.set('AddPartitionsToTxn', Array<number>(1000).fill(CODES.CONCURRENT));
  const begun = producer.begin(OUT);
  unbroken.close();
  await expect(begun).rejects.toMatchObject({ type: 'CONCURRENT_TRANSACTIONS' });
  expect(brokers.asked.length).toBeLessThan(10);
});

it('an init waits for a predecessor\'s transaction to be ended', async () => {
  brokers.errors.set('InitProducerId', [CODES.CONCURRENT, CODES.NOT_COORDINATOR]);
  await producer.init();
  expect(brokers.asked.filter((line) => line === 'InitProducerId')).toHaveLength(3);
});

it('a record with a key and no partition goes where Kafka puts it, one with a partition stays', async () => {
  const keys = Array.from({ length: 16 }, (_, i) => Buffer.from(String(i)));
  const keyed = await producer.place(keys.map((key) => ({ topic: 'out', key, value: key, headers: {} })));
  expect(keyed.map(({ partition }) => partition)).toEqual(keys.map((key) => partitionOf(key, 4)));
  const [placed] = await producer.place([{ ...record('out', 3), key: keys[0]! }]);
  expect(placed!.partition).toBe(3);
});
