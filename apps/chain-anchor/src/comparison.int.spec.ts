import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAtsError } from '#libs/errors';
import { entriesPath, leafHash, tilePath, type LogStore } from '#libs/log';
import { entry, MadeUpTopic, storeOf } from '../test/made-up-topic.js';
import { compareLog } from './comparison.js';

let dir: string;
let store: LogStore | undefined;
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'comparison-')); });
afterEach(async () => {
  await store?.close();
  rmSync(dir, { recursive: true });
});

const outcome = async (topic: MadeUpTopic): Promise<string> => {
  try {
    await compareLog({ store: store!, topic });
    return 'agrees';
  } catch (error) {
    if (isAtsError(error)) return `${error.code}: ${error.why}`;
    throw error;
  }
};

it.each([0, 1, 255, 256, 257, 700])('a log of %i entries agrees with the topic that it was made from, also once the topic has grown', async (count) => {
  const topic = new MadeUpTopic(count);
  store = await storeOf(join(dir, 'log'), topic);
  const newest = count === 0 ? undefined : { offset: BigInt(2 * (count - 1)), leafHash: leafHash(entry(count - 1)) };
  expect(await compareLog({ store, topic })).toEqual(newest);
  topic.add(50);
  expect(await compareLog({ store, topic })).toEqual(newest);
});

it('a successor agrees though its entry 0 stands in no topic', async () => {
  const topic = new MadeUpTopic(300);
  store = await storeOf(join(dir, 'log'), topic, { firstEntry: Buffer.from('the last good checkpoint') });
  expect(store.head.size).toBe(301);
  expect(await outcome(topic)).toBe('agrees');
});

describe('a topic that is another one is told by its first difference', () => {
  let topic: MadeUpTopic;
  beforeEach(async () => {
    topic = new MadeUpTopic(600);
    store = await storeOf(join(dir, 'log'), topic);
  });

  it.each([0, 255, 256, 599])('record %i changed', async (at) => {
    topic.records[at]!.value = entry(at, 1);
    expect(await outcome(topic)).toMatch(new RegExp(`^ATS_LOG_DIVERGED: .*; first difference: ${at < 512 ? '(the entry bundle .*|leaf .*)' : '.*'}`));
  });

  it('two records in the other order', async () => {
    [topic.records[7]!.value, topic.records[8]!.value] = [entry(8), entry(7)];
    expect(await outcome(topic)).toMatch(/^ATS_LOG_DIVERGED/);
  });

  it('a record left out, its place taken by the next', async () => {
    topic.records.splice(300, 1);
    expect(await outcome(topic)).toMatch(/^ATS_LOG_GAP: .* has 599 records up to offset 1199, the log has 600/);
  });

  it('a record put in between', async () => {
    topic.records.splice(300, 0, { offset: topic.records[299]!.offset + 1n, value: entry(9, 9) });
    expect(await outcome(topic)).toMatch(/^ATS_LOG_DIVERGED/);
  });

  it('an end that is gone', async () => {
    topic.records = topic.records.slice(0, 500);
    expect(await outcome(topic)).toMatch(/^ATS_LOG_GAP: .* ends at offset 1000, the log goes on to 1199/);
  });

  it('a beginning that is gone', async () => {
    topic.dropped = 10n;
    expect(await outcome(topic)).toMatch(/^ATS_LOG_GAP: .* begins at offset 10, the log's first record has 0/);
  });
});

it.each([
  ['a tile of leaves', tilePath(0, 1, 256)],
  ['an entry bundle', entriesPath(0, 256)],
])('%s that somebody changed is damage of the store, not of the topic', async (_, path) => {
  const topic = new MadeUpTopic(600);
  store = await storeOf(join(dir, 'log'), topic);
  const file = join(store.publicDir, path);
  const bytes = readFileSync(file);
  bytes[40]! ^= 1;
  writeFileSync(file, bytes);
  expect(await outcome(topic)).toMatch(/^ATS_LOG_DAMAGED: .*; audit-log and the log's root agree/);
});

it('a file that is gone is damage as well', async () => {
  const topic = new MadeUpTopic(600);
  store = await storeOf(join(dir, 'log'), topic);
  rmSync(join(store.publicDir, tilePath(0, 0, 256)));
  expect(await outcome(topic)).toMatch(/^ATS_LOG_DAMAGED: .*x?000/);
});
