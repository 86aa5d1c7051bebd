import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { connectKafka } from './client.js';
import { Unbroken } from './unbroken.js';

const ENDED = 'a connection to the broker ended';
const connect = () => new EventEmitter() as Socket;
const forever = () => new Promise<never>(() => undefined);

it.each(['end', 'error', 'close'])('work fails as soon as a connection ends under it by %s, and nothing is done or opened until it was looked into', async (event) => {
  const unbroken = new Unbroken();
  const socket = unbroken.open(connect);
  unbroken.guard();
  const work = unbroken.during(forever);
  socket.emit(event, new Error('reset'));
  await expect(work).rejects.toThrow(ENDED);
  expect(unbroken.broken).toBe(true);
  let done = false;
  await expect(unbroken.during(async () => void (done = true))).rejects.toThrow(ENDED);
  expect(done).toBe(false);
  expect(() => unbroken.open(connect)).toThrow(ENDED);

  await expect(unbroken.mend(async () => { throw new Error('it hangs'); })).rejects.toThrow('it hangs');
  expect(unbroken.broken).toBe(true);
  await unbroken.mend(async () => undefined);
  expect(unbroken.open(connect)).toBeDefined();
  expect(await unbroken.during(async () => 'done')).toBe('done');
});

it('a connection that ends while the break is looked into is another break', async () => {
  const unbroken = new Unbroken();
  const [first, second] = [unbroken.open(connect), unbroken.open(connect)];
  unbroken.guard();
  first.emit('close');
  await unbroken.mend(async () => void second.emit('close'));
  expect(unbroken.broken).toBe(true);
});

it('before it is guarded connections may come and go, and one end told thrice is one', async () => {
  const unbroken = new Unbroken();
  unbroken.open(connect).emit('close');
  const socket = unbroken.open(connect);
  unbroken.guard();
  expect(unbroken.broken).toBe(false);
  socket.emit('end');
  await unbroken.mend(async () => undefined);
  socket.emit('error', new Error('reset'));
  socket.emit('close');
  expect(unbroken.broken).toBe(false);
  unbroken.close();
  expect(() => unbroken.open(connect)).toThrow(ENDED);
});

it('a client whose connections are over gives up at once what it is about, rather than after fifty tries', async () => {
  const unbroken = new Unbroken();
  const kafka = connectKafka({ brokers: ['127.0.0.1:1'], clientId: 'over', log: { info: () => undefined, warn: () => undefined } });
  const producer = kafka.role('over', { unbroken }).producer();
  const open = unbroken.open.bind(unbroken);
  let tries = 0;
  unbroken.open = (connect) => {
    // As an abandoned transaction finds it: the client is closed while it tries.
    if (++tries === 3) unbroken.close();
    return open(connect);
  };
  await expect(producer.connect()).rejects.toThrow('the client was closed');
  expect(tries).toBe(3);
  kafka.close();
});
