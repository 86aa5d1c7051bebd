/**
 * Loaded into a gate's process before the gate (node --import): strikes it from within at a point of a transaction, and turns its protocol into a broken
 * one where a run says so. Both take hold of the steps of a transaction and of the reader, whatever the gate makes of them; `early-state` alone of its judge.
 */
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { EventProducer, LogReader, type KafkaClient } from '#libs/stream';
import { TransactionalProducer, type TransactionalProducerParameters } from '../../../libs/stream/src/transactional-producer.js';
import type { InsideSettings, Trap } from './fault.js';
import type { Point } from './plan.js';

type MoveOffset = Parameters<TransactionalProducer['moveOffset']>;
/** What is known of a producer: its id as the gate means it, and its transaction so far. */
interface Known { readonly id: string; readonly kafka: KafkaClient; writing: Promise<void>; offset?: MoveOffset; plain?: EventProducer }

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

const committed = LogReader.prototype.committed;
const early = new Map<string, bigint | null>();
/** Where this process's own last commit ended, for `own-position`. */
const own = new Map<string, bigint>();

LogReader.prototype.committed = async function noted(this: LogReader, groupId, topic, partition): Promise<bigint | null> {
  const place = `${topic}/${partition}`;
  const offset = early.has(place) ? early.get(place)! : (own.get(place) ?? (await committed.call(this, groupId, topic, partition)));
  early.delete(place);
  note(`committed ${place}`);
  return offset;
};

const steps = TransactionalProducer.prototype;
const { init, write, moveOffset, commit } = steps;
const all = new WeakMap<TransactionalProducer, Known>();

steps.init = async function begun(this: TransactionalProducer) {
  const inside = this as unknown as { parameters: TransactionalProducerParameters };
  const { transactionalId: id, kafka } = inside.parameters;
  all.set(this, { id, kafka, writing: Promise.resolve() });
  if (fault !== undefined) inside.parameters = { ...inside.parameters, transactionalId: fault === 'own-id' ? `${id}-${process.pid}` : id, timeoutMs: LONG_TRANSACTION_MS };
  if (fault === 'early-offset') await readEarly(id, kafka);
  await init.call(this);
};

steps.write = async function struck(this: TransactionalProducer, batches) {
  const known = all.get(this)!;
  known.writing = fault === 'outside' ? (known.plain ??= new EventProducer(known.kafka)).send(batches.flatMap(({ records }) => records)).then(() => undefined) : write.call(this, batches);
  await known.writing;
  step('sent', known.id);
};

/** The point behind it is behind the output, too, whichever is done first. */
steps.moveOffset = async function struck(this: TransactionalProducer, ...offset) {
  const known = all.get(this)!;
  known.offset = offset;
  await (fault === 'split-offsets' ? delay(0) : moveOffset.apply(this, offset));
  await known.writing; // begun in the same turn as this
  step('offsets', known.id);
};

steps.commit = async function struck(this: TransactionalProducer) {
  const { id, offset } = all.get(this)!;
  const [groupId, { topic, partition, next }] = offset!;
  const committing = commit.call(this);
  // By then the request has left, and the answer may or may not be there.
  await Promise.race([committing, delay(Math.random() * 4)]);
  step('committing', id);
  await committing;
  if (fault === 'own-position') own.set(`${topic}/${partition}`, next);
  step('committed', id);
  if (fault === 'split-offsets') {
    await moveOffset.call(this, groupId, { topic, partition, next });
    await commit.call(this);
  }
};

/** The transactional id is GROUP-TOPIC-PARTITION. */
async function readEarly(transactionalId: string, kafka: KafkaClient): Promise<void> {
  const [, topic, partition] = new RegExp(`^${GROUP}-(.+)-(\\d+)$`).exec(transactionalId)!;
  const reader = new LogReader(kafka);
  const place = `${topic}/${partition}`;
  early.set(place, await committed.call(reader, GROUP, topic!, Number(partition)));
  note(`committed ${place}`);
  await reader.close();
  await released();
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
