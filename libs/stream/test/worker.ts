/**
 * A process that chaos kills: gives each input record one verdict in an audit topic, and passes on those whose key is new. Tells its parent what happens.
 * What the state says of a key is asked ahead, of a state that may be old: a key that was seen then is seen, of the others it says nothing.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { connectKafka, ExactlyOnceProcessor } from '#libs/stream';
import { trapTransactions, type Trap } from './trap.js';

const { BROKER, GROUP, INPUT, OUTPUT, AUDIT, MEMBER_FILE, TRAP_NOTES, WORKER } = process.env as Record<string, string>;
const say = (message: Record<string, unknown>) => void (process.connected && process.send!(message));
const kafka = connectKafka({ brokers: [BROKER!], clientId: WORKER!, log: { info: () => undefined, warn: (why) => say({ kind: 'log', why }) } });
const setTrap = trapTransactions(TRAP_NOTES!);

const processor = new ExactlyOnceProcessor<Set<string>, { name: string; known: boolean }>({
  kafka, groupId: GROUP!, topics: [INPUT!], transactionalIdPrefix: GROUP!, memberFile: MEMBER_FILE!, maxRecords: 50,
  async open({ partition, reader }) {
    const seen = new Set<string>();
    for await (const { key } of reader.readAll(OUTPUT!, partition, 0n)) seen.add(key!.toString());
    return seen;
  },
  async prepare(seen, records) {
    const prepared = records.map(({ key }) => ({ name: key!.toString(), known: seen.has(key!.toString()) }));
    await delay(Math.random() * 20);
    return prepared;
  },
  async process(seen, records, _, prepared) {
    const fresh = new Set<string>();
    const output = records.flatMap(({ key, partition, offset }, i) => {
      const { name, known: knownBefore } = prepared[i]!;
      const known = knownBefore || seen.has(name) || fresh.has(name);
      fresh.add(name);
      const verdict = { topic: AUDIT!, partition: 0, key: Buffer.from(`${partition}/${offset}`), value: Buffer.from(known ? 'SEEN' : 'NEW'), headers: {} };
      return known ? [verdict] : [verdict, { topic: OUTPUT!, partition, key, value: Buffer.from(String(offset)), headers: {} }];
    });
    return { output, committed: () => fresh.forEach((name) => seen.add(name)) };
  },
  onEvent: (event) => say(JSON.parse(JSON.stringify(event, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)))),
  onFatal(error) {
    say({ kind: 'fatal', why: error.message });
    setTimeout(() => process.exit(3), 50);
  },
});

process.on('disconnect', () => process.exit(0));
process.on('message', (message: { trap?: Trap }) => {
  if (message.trap) setTrap(message.trap);
  else void processor.stop().then(() => process.exit(0));
});
await processor.start();
