import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { AtsError } from '#libs/errors';
import { CompactTree, generateLogKey, leafHash, LogStore, noteSigner, noteVerifier, openCheckpoint } from '#libs/log';
import { Outage, Readiness } from '#libs/service';
import { entry, MadeUpTopic } from '../test/made-up-topic.js';
import { until } from '../../../test/support/gate-until.js';
import { whenThereIsRoom } from './disk-room.js';
import { Halt } from './halt.js';
import { keepLog } from './log-session.js';
import { AnchorMetrics } from './metrics.js';
import { publishedSize } from './published.js';
import { Publisher, type Cosigner } from './publisher.js';
import { Recorder } from './recorder.js';

const ORIGIN = 'example.com/log';
const key = generateLogKey(ORIGIN);
const signer = noteSigner(key.privateKey);
const log = pino({ level: 'silent' });

let dir: string;
let topic: MadeUpTopic;
const keepers: Keeper[] = [];
beforeEach(async () => {
  dir = join(mkdtempSync(join(tmpdir(), 'log-keeping-')), 'log');
  topic = new MadeUpTopic();
  await LogStore.create({ dir, origin: ORIGIN });
});
afterEach(async () => {
  for (const keeper of keepers.splice(0)) await keeper.stop();
  rmSync(join(dir, '..'), { recursive: true });
});

/** The log's own work on a made-up topic, as one life of the process has it. */
class Keeper {
  readonly readiness = new Readiness();
  readonly ended: Promise<void>;
  readonly #stop = new AbortController();

  private constructor(readonly store: LogStore, { cosigner, quorumRequired = false }: { cosigner?: Cosigner; quorumRequired?: boolean }) {
    const persist = <T>(write: () => Promise<T>, signal: AbortSignal): Promise<T> => whenThereIsRoom(write, new Outage('disk', log, this.readiness), signal);
    const halt = new Halt(log, this.readiness, new AnchorMetrics(new Registry()));
    const recorder = new Recorder({ store, topic: topic.asTopic(), batchEntries: 100, persist, onCompared: () => undefined, onAppended: () => undefined });
    const publisher = new Publisher({
      store, publishedSize: publishedSize(store, signer), recorder, topic: topic.asTopic(), signer, cosigner, quorumRequired, everyMs: 5, persist,
      onCosigned: () => undefined, onPublished: () => undefined,
    });
    halt.waiting('the comparison');
    this.ended = keepLog({ recorder, publisher, halt, prepare: async () => undefined, signal: this.#stop.signal });
  }

  static async start(options: { cosigner?: Cosigner; quorumRequired?: boolean } = {}): Promise<Keeper> {
    const keeper = new Keeper(await LogStore.open({ dir }), options);
    keepers.push(keeper);
    return keeper;
  }

  get waitsFor(): string {
    return Object.values(this.readiness.status().waitingFor).join('; ');
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    try {
      await this.ended;
    } finally {
      await this.store.close();
    }
  }
}

/** The published checkpoint, its signature checked; size 0 without one. */
function published(): { size: number; root: Buffer } {
  try {
    return openCheckpoint(readFileSync(join(dir, 'public/checkpoint')), noteVerifier(key.vkey));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { size: 0, root: Buffer.alloc(0) };
    throw error;
  }
}

function rootOf(count: number): Buffer {
  const tree = new CompactTree();
  for (let i = 0; i < count; i++) tree.append(leafHash(entry(i)));
  return tree.root();
}

it('every record becomes one leaf, in order, over restarts, and what is published is signed over them', async () => {
  let keeper = await Keeper.start();
  for (let life = 0; life < 4; life++) {
    topic.add(150);
    const size = topic.records.length;
    if (life % 2 === 0) await until(`${size} published`, () => published().size === size);
    await keeper.stop();
    keeper = await Keeper.start();
  }
  await until('all published', () => published().size === 600);
  expect(published().root).toEqual(rootOf(600));
  expect(keeper.readiness.ready).toBe(true);
});

it('nothing is signed while the topic is not the one of the log, whatever has come to it, and signing goes on once it is again', async () => {
  topic.add(10);
  let keeper = await Keeper.start();
  await until('10 published', () => published().size === 10);
  await keeper.stop();
  topic.records[3]!.value = entry(3, 1);
  topic.add(10);
  keeper = await Keeper.start();
  await until('it halts', () => keeper.waitsFor.startsWith('ATS_LOG_DIVERGED'));
  expect(keeper.store.head.size).toBe(10);
  expect(published().size).toBe(10);
  topic.records[3]!.value = entry(3);
  await until('20 published', () => published().size === 20);
  await until('it is ready', () => keeper.readiness.ready);
  expect(published().root).toEqual(rootOf(20));
});

it('a head that was recorded and not yet signed is compared like any other', async () => {
  topic.add(10);
  const store = await LogStore.open({ dir });
  await store.append(topic.records.map(({ value }) => value), 19n);
  await store.close();
  topic.records[9]!.value = entry(9, 1);
  const keeper = await Keeper.start();
  await until('it halts', () => keeper.waitsFor.startsWith('ATS_LOG_DIVERGED'));
  expect(published().size).toBe(0);
});

it('a tail that the broker loses after the comparison gets no signature', async () => {
  topic.add(10);
  const keeper = await Keeper.start({ cosigner: { cosign: (note) => Promise.resolve({ note, quorum: false, missing: [] }) }, quorumRequired: true });
  await until('10 recorded', () => keeper.store.head.size === 10);
  topic.records[9]!.value = entry(9, 1);
  await until('it halts', () => keeper.waitsFor.startsWith('ATS_LOG_DIVERGED'));
  topic.records.pop();
  await until('it halts for the gap', () => keeper.waitsFor.startsWith('ATS_LOG_GAP'));
  expect(published().size).toBe(0);
});

it('a record that is no audit entry is no leaf, and halts signing for as long as it is there', async () => {
  topic.add(10);
  const keeper = await Keeper.start();
  await until('10 published', () => published().size === 10);
  topic.foreign.add(24n);
  topic.add(10);
  await until('it halts', () => keeper.waitsFor.startsWith('ATS_LOG_RECORD_FOREIGN'));
  expect(keeper.store.head.size).toBeLessThanOrEqual(12);
  topic.foreign.clear();
  await until('20 published', () => published().size === 20);
});

it('a broker that is away gets nothing signed, and holds nothing up for longer', async () => {
  topic.add(10);
  const keeper = await Keeper.start();
  await until('10 published', () => published().size === 10);
  topic.unreachable = true;
  topic.add(10);
  await until('it says so', () => keeper.waitsFor.startsWith('ATS_BROKER_UNREACHABLE'));
  expect(published().size).toBe(10);
  topic.unreachable = false;
  await until('20 published', () => published().size === 20);
});

it('a disk without room is said, and the write is done once there is some', async () => {
  topic.add(10);
  const keeper = await Keeper.start();
  await until('10 published', () => published().size === 10);
  let refused = 0;
  const { append } = keeper.store;
  keeper.store.append = (...given) => (refused++ < 2 ? Promise.reject(new AtsError('ATS_LOG_DISK_FULL', dir)) : append.apply(keeper.store, given));
  topic.add(10);
  await until('it says so', () => keeper.waitsFor.startsWith('ATS_LOG_DISK_FULL'));
  await until('20 published', () => published().size === 20);
  expect(published().root).toEqual(rootOf(20));
  await until('it is ready', () => keeper.readiness.ready);
});

it('a checkpoint without the quorum is published at once, or held back when the quorum is required, and the log grows on', async () => {
  let quorum = false;
  const asked: number[] = [];
  const cosigner: Cosigner = {
    cosign(note, { size }) {
      asked.push(size);
      return Promise.resolve({ note, quorum, missing: quorum ? [] : ['w1 (away)'] });
    },
  };
  topic.add(10);
  let keeper = await Keeper.start({ cosigner });
  await until('10 published', () => published().size === 10);
  await keeper.stop();
  keeper = await Keeper.start({ cosigner, quorumRequired: true });
  topic.add(10);
  await until('it was asked for 20 again and again', () => asked.filter((size) => size === 20).length > 2);
  expect(published().size).toBe(10);
  quorum = true;
  await until('20 published', () => published().size === 20);
});

it('a store of another origin, or whose checkpoint another key has signed, is none of ours', async () => {
  topic.add(1);
  const keeper = await Keeper.start();
  await until('published', () => published().size === 1);
  const { origin, checkpoint } = keeper.store;
  const codeOf = (by: string, note = checkpoint!): string => {
    try {
      publishedSize({ origin, checkpoint: note }, noteSigner(by));
    } catch (error) {
      return (error as AtsError).code;
    }
    return 'none';
  };
  expect(codeOf(key.privateKey)).toBe('none');
  expect(codeOf(key.privateKey, Buffer.from(checkpoint!.toString().replace('\n1\n', '\n2\n')))).toBe('ATS_NOTE_UNVERIFIED');
  expect(codeOf(generateLogKey(ORIGIN).privateKey)).toBe('ATS_NOTE_UNVERIFIED');
  expect(codeOf(generateLogKey('example.com/other').privateKey)).toBe('ATS_CHECKPOINT_FOREIGN');
});
