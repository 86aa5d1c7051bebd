/** A producer that sends the same records over and over, as fast as the broker takes them: a process of its own, or it would slow down whoever measures. */
import type { OutgoingRecord } from '#libs/events';
import { connectKafka, EventProducer } from '#libs/stream';

/** How many records go at once. */
const SEND = 250;

export interface FloodOrder {
  readonly brokers: readonly string[];
  readonly records: readonly OutgoingRecord[];
}

let over = false;
process.once('message', (order) => void flood(order as FloodOrder));

async function flood({ brokers, records }: FloodOrder): Promise<void> {
  process.once('message', () => { over = true; });
  const kafka = connectKafka({ brokers, clientId: 'flood', log: { info: () => undefined, warn: () => undefined } });
  const producer = new EventProducer(kafka);
  let sent = 0;
  for (let at = 0; !over; at = (at + SEND) % records.length) {
    await producer.send(records.slice(at, at + SEND));
    sent += SEND;
    if (sent === SEND) process.send!('begun');
  }
  await producer.close();
  kafka.close();
  process.send!(sent, () => process.disconnect());
}
