/**
 * Loaded into a gate's process before the gate (node --import): strikes it from within at a point of a transaction, and turns its protocol into a broken
 * one where a run says so. Both take hold of the Kafka client's producers and of the reader, whatever the gate makes of them; `early-state` alone of its judge.
 */
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { KafkaClient, LogReader } from '#libs/stream';
import type { InsideSettings, Trap } from './fault.js';
import type { Point } from './plan.js';

type KafkaJsClient = ReturnType<KafkaClient['role']>;
type Producer = ReturnType<KafkaJsClient['producer']>;
type Transaction = Awaited<ReturnType<Producer['transaction']>>;

const { CHAOS_TRAPS: trapFile, CHAOS_NOTES: notesFile, CHAOS_FAULT: fault, CHAOS_HOLD: holdFile } = process.env as unknown as InsideSettings;
const GROUP = 'proof-gate';
/** A broken protocol needs its zombie's transaction to last until the driver has seen what it waits for. */
const LONG_TRANSACTION_MS = 60_000;

const note = (line: string): void => appendFileSync(notesFile, `${line}\n`);

function step(at: Point, transactionalId: string): void {
  if (!existsSync(trapFile)) return;
  const [next, ...rest] = JSON.parse(readFileSync(trapFile, 'utf8')) as Trap[];
  if (next?.at !== at || !transactionalId.startsWith(`${GROUP}-${next.topic ?? ''}`)) return;
  const { after = 0 } = next;
  writeFileSync(`${trapFile}.new`, JSON.stringify(after > 0 ? [{ ...next, after: after - 1 }, ...rest] : rest));
  renameSync(`${trapFile}.new`, trapFile);
  if (after > 0) return;
  note(`trap ${at} ${transactionalId}`);
  try {
    process.kill(next.pid ?? process.pid, next.signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // another gate was first
  }
}

const role = KafkaClient.prototype.role;
const committed = LogReader.prototype.committed;
const early = new Map<string, bigint | null>();
/** Where this process's own last commit ended, for `own-position`. */
const own = new Map<string, bigint>();

KafkaClient.prototype.role = function trapped(this: KafkaClient, ...parameters): KafkaJsClient {
  const client = role.apply(this, parameters);
  const newProducer = client.producer.bind(client);
  client.producer = (config = {}) => {
    const { transactionalId } = config;
    if (transactionalId === undefined) return newProducer(config);
    const producer = newProducer({
      ...config, ...(fault === 'own-id' && { transactionalId: `${transactionalId}-${process.pid}` }), ...(fault !== undefined && { transactionTimeout: LONG_TRANSACTION_MS }),
    });
    if (fault === 'early-offset') readEarly(producer, this, transactionalId);
    const plain = fault === 'outside' ? newProducer({ idempotent: true, allowAutoTopicCreation: false }) : undefined;
    const begin = producer.transaction.bind(producer);
    producer.transaction = async () => struck(await begin(), transactionalId, begin, plain);
    return producer;
  };
  return client;
};

LogReader.prototype.committed = async function noted(this: LogReader, groupId, topic, partition): Promise<bigint | null> {
  const place = `${topic}/${partition}`;
  const offset = early.has(place) ? early.get(place)! : (own.get(place) ?? (await committed.call(this, groupId, topic, partition)));
  early.delete(place);
  note(`committed ${place}`);
  return offset;
};

/** Parts of a transaction as the gate sees it, each with a point behind it. */
function struck(transaction: Transaction, id: string, begin: () => Promise<Transaction>, plain: Producer | undefined): Transaction {
  let offsets: Parameters<Transaction['sendOffsets']>[0] | undefined;
  return {
    ...transaction,
    async sendBatch(batch) {
      if (plain) {
        await plain.connect();
        return await plain.sendBatch(batch);
      }
      return await transaction.sendBatch(batch);
    },
    async sendOffsets(sent) {
      step('sent', id);
      offsets = sent;
      if (fault !== 'split-offsets') await transaction.sendOffsets(sent);
      step('offsets', id);
    },
    async commit() {
      const committing = transaction.commit();
      // By then the request has left, and the answer may or may not be there.
      await Promise.race([committing, delay(Math.random() * 4)]);
      step('committing', id);
      await committing;
      if (fault === 'own-position') for (const { topic, partitions } of offsets!.topics) for (const { partition, offset } of partitions) own.set(`${topic}/${partition}`, BigInt(offset));
      step('committed', id);
      if (fault === 'split-offsets' && offsets) {
        const second = await begin();
        await second.sendOffsets(offsets);
        await second.commit();
      }
    },
  };
}

/** The transactional id is GROUP-TOPIC-PARTITION. */
function readEarly(producer: Producer, kafka: KafkaClient, transactionalId: string): void {
  const [, topic, partition] = new RegExp(`^${GROUP}-(.+)-(\\d+)$`).exec(transactionalId)!;
  const connect = producer.connect.bind(producer);
  producer.connect = async () => {
    const reader = new LogReader(kafka);
    const place = `${topic}/${partition}`;
    early.set(place, await committed.call(reader, GROUP, topic!, Number(partition)));
    note(`committed ${place}`);
    await reader.close();
    await released();
    await connect();
  };
}

async function released(): Promise<void> {
  while (holdFile !== undefined && existsSync(holdFile)) await delay(20);
}

if (fault === 'early-state') {
  const { Judge } = await import('../../../apps/proof-gate/src/judge.js');
  const judge = Judge.prototype.process;
  Judge.prototype.process = async function hasty(this: InstanceType<typeof Judge>, memory, records, at, prepared) {
    const { output, committed: takeOver } = await judge.call(this, memory, records, at, prepared);
    takeOver();
    if (holdFile !== undefined && existsSync(holdFile)) note(`held ${at.topic}/${at.partition}`);
    await released();
    return { output, committed: () => undefined };
  };
}
