import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { OutgoingRecord } from '#libs/events';
import { CODES, ScriptedBrokers } from '../test/scripted-brokers.js';
import { openTransactor, type Transactor } from './transactor.js';

const ENDED = 'a connection to the broker ended';

let brokers: ScriptedBrokers;
let transactor: Transactor;
let socket: Socket;

beforeEach(async () => {
  brokers = new ScriptedBrokers();
  transactor = await openTransactor({ kafka: brokers.kafka, groupId: 'group', transactionalId: 'id', limitOf: () => 300 });
  socket = connection();
  brokers.asked.length = 0;
  brokers.looks = 0;
});

function connection(): Socket {
  return brokers.unbroken!.open(() => new EventEmitter() as Socket);
}

async function commit(next: bigint, output: OutgoingRecord[] = [record('out', 0)]): Promise<void> {
  await transactor.commit(output, { topic: 'in', partition: 1, next });
}

function record(topic: string, partition: number): OutgoingRecord {
  return { topic, partition, key: null, value: Buffer.alloc(100), headers: {} };
}

it('what is more than one batch of a partition goes in several, one after the other, all before the end', async () => {
  const output = [record('out', 0), record('log', 0), record('out', 0), record('out', 0), record('log', 0), record('out', 0), record('out', 0)];
  await commit(9n, output);
  expect(brokers.asked.filter((line) => !line.startsWith('FindCoordinator'))).toEqual([
    'AddPartitionsToTxn out/0,log/0', 'AddOffsetsToTxn group', 'Produce 1: out/0#0,log/0#0', 'TxnOffsetCommit in/1=9', 'Produce 1: out/0#2', 'Produce 1: out/0#4', 'EndTxn true',
  ]);
});

it('input without output moves the offset alone', async () => {
  await commit(9n, []);
  expect(brokers.asked).toEqual(['AddOffsetsToTxn group', 'FindCoordinator 0', 'TxnOffsetCommit in/1=9', 'EndTxn true']);
});

it('after a connection has ended, no transaction begins before it is known that nothing hangs, and where everybody is', async () => {
  await commit(9n);
  expect(brokers.looks).toBe(0);
  brokers.asked.length = 0;
  socket.emit('close');
  await commit(12n);
  expect(brokers.looks).toBe(1);
  expect(brokers.asked.slice(0, 3)).toEqual(['Metadata', 'FindCoordinator 1', 'AddPartitionsToTxn out/0']);
  brokers.asked.length = 0;
  await commit(13n);
  expect([brokers.looks, brokers.asked[0]]).toEqual([1, 'AddPartitionsToTxn out/0']);
});

it('a connection that ends while it looks where everybody is, is a break of its own', async () => {
  socket.emit('close');
  const other = brokers.cluster.refreshMetadata;
  brokers.cluster.refreshMetadata = async () => {
    brokers.cluster.refreshMetadata = other;
    const going = brokers.unbroken!.open(() => new EventEmitter() as Socket);
    going.emit('close');
  };
  await commit(9n);
  expect(brokers.looks).toBe(2);
  expect(brokers.asked.at(-1)).toBe('EndTxn true');
});

it('a transaction under which a connection ends is not gone on with, though what it asked for is answered', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  brokers.hold = promise;
  const committing = commit(9n);
  while (!brokers.asked.some((line) => line.startsWith('Produce'))) await new Promise((next) => setImmediate(next));
  socket.emit('close');
  await expect(committing).rejects.toThrow(ENDED);
  transactor.close();
  resolve();
});

it('a closed one asks no more for what it was refused', async () => {
  brokers.errors.set('AddPartitionsToTxn', Array<number>(1000).fill(CODES.NOT_COORDINATOR));
  const committing = commit(9n);
  transactor.close();
  await expect(committing).rejects.toMatchObject({ type: 'NOT_COORDINATOR_FOR_GROUP' });
});
