import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from '#libs/stack';
import { CompactTree, decodeEntryBundle, formatCheckpoint, generateLogKey, leafHash, LogStore, noteSigner, openCheckpoint, noteVerifier, signNote, type TopicRecord, type TreeHead } from '#libs/log';
import { layoutOf, type Layout } from '../layout.js';
import { nextOrigin, recoverLog, type RecoverLogParameters, type RecoveryChain, type RecoveryTopic } from './recover-log.js';

const ORIGIN = 'log.example/1/0xabc';
const SUCCESSOR = `${ORIGIN}/successor-1`;
const entry = (index: number): Buffer => Buffer.from(`entry ${index}`);
const rootOf = (entries: readonly Buffer[]): Buffer => {
  const tree = new CompactTree();
  for (const one of entries) tree.append(leafHash(one));
  return tree.root();
};

let layout: Layout;
let lines: string[];
let oldVkey: string;
const key = generateLogKey(ORIGIN);
const sign = (head: TreeHead): Buffer => signNote(formatCheckpoint({ origin: ORIGIN, ...head }), [noteSigner(key.privateKey)]);

beforeEach(async () => {
  layout = layoutOf({ home: mkdtempSync(join(tmpdir(), 'attestream-recover-')), portBase: 20_000, households: 1 });
  lines = [];
  mkdirSync(join(layout.home, 'keys'), { mode: 0o700 });
  oldVkey = key.vkey;
  writeFileSync(layout.logVkeyFile, `${oldVkey}\n`);
  writeFileSync(layout.logKeyFile, `${key.privateKey}\n`, { mode: 0o600 });
  writeFileSync(layout.endpointsFile, JSON.stringify({ log: { origin: ORIGIN, url: 'http://127.0.0.1:1/log/' } }));
  await LogStore.create({ dir: layout.logDir, origin: ORIGIN, firstOffset: 100n });
  const store = await LogStore.open({ dir: layout.logDir });
  await store.append(Array.from({ length: 300 }, (_, i) => entry(i)), 500n);
  await store.publish(sign(store.head));
  await store.append([entry(300)], 502n); // committed, never published
  await store.close();
});
afterEach(() => rmSync(layout.home, { recursive: true }));

/** Records at every second offset from 100 on: markers of transactions take the others. */
function topicOf(values: readonly Buffer[], { begin = 100n } = {}): RecoveryTopic {
  const records: TopicRecord[] = values.map((value, i) => ({ offset: 100n + 2n * BigInt(i), value }));
  const end = 100n + 2n * BigInt(values.length);
  return {
    begin: async () => begin, end: async () => end,
    async *read(from, to) { for (const record of records) if (record.offset >= from && record.offset < to) yield record; },
  };
}
const agreeing = (count: number): Buffer[] => Array.from({ length: count }, (_, i) => entry(i));

/** The contract's rules, in memory. */
class MadeUpChain implements RecoveryChain {
  readonly logs = new Map<string, { status: 'open' | 'superseded'; successor?: string }>([[ORIGIN, { status: 'open' }]]);
  head: TreeHead | undefined = { size: 256, root: rootOf(agreeing(256)) };
  sent = 0;
  async status(origin: string) { return this.logs.get(origin)?.status ?? 'absent' as const; }
  async anchored() { return this.head; }
  async supersede(origin: string, successor: string) {
    if (this.logs.get(origin)?.status !== 'open' || this.logs.has(successor)) throw new Error('reverted');
    this.sent++;
    this.logs.set(origin, { status: 'superseded', successor });
    this.logs.set(successor, { status: 'open' });
  }
}

const recover = (more: Partial<RecoverLogParameters> = {}) =>
  recoverLog({ layout, topic: topicOf(agreeing(310)), chain: new MadeUpChain(), say: (line) => void lines.push(line), signal: AbortSignal.timeout(60_000), pollMs: 1, patienceMs: 0, ...more });
const code = (name: string) => expect.objectContaining({ code: name });

/** The successor stands where the log was, its key beside it, and the ended log is kept whole. */
async function expectSuccession(fromOffset: bigint): Promise<void> {
  const [vkey, privateKey] = [readFileSync(layout.logVkeyFile, 'utf8').trim(), readFileSync(layout.logKeyFile, 'utf8').trim()];
  const signer = noteSigner(privateKey);
  expect([signer.name, noteVerifier(vkey).keyId]).toEqual([SUCCESSOR, signer.keyId]);
  const ended = join(layout.home, 'ended-logs/1');
  expect([readFileSync(join(ended, 'log.vkey'), 'utf8').trim(), readFileSync(join(ended, 'key'), 'utf8').trim()]).toEqual([oldVkey, key.privateKey]);
  const note = readFileSync(join(ended, 'log/public/checkpoint'));
  const store = await LogStore.open({ dir: layout.logDir });
  expect([store.origin, store.firstIndex, store.firstOffset, store.nextOffset, store.head]).toEqual([SUCCESSOR, 1, fromOffset, fromOffset, { size: 1, root: leafHash(note) }]);
  expect(openCheckpoint(decodeEntryBundle(await store.tiles.entries(0, 1), 1)[0]!, noteVerifier(oldVkey))).toMatchObject({ origin: ORIGIN, size: 300, root: rootOf(agreeing(300)) });
  await store.append([entry(300)], fromOffset + 2n);
  await store.publish(signNote(formatCheckpoint({ origin: SUCCESSOR, ...store.head }), [signer]));
  await store.close();
  expect(existsSync(join(layout.home, 'recovery'))).toBe(false);
  expect(JSON.parse(readFileSync(layout.endpointsFile, 'utf8'))).toMatchObject({ log: { origin: SUCCESSOR } });
}

describe('the successor', () => {
  it('begins with the last published checkpoint and goes on behind it where the topic agrees', async () => {
    const chain = new MadeUpChain();
    await recover({ chain });
    expect(chain.logs.get(ORIGIN)).toEqual({ status: 'superseded', successor: SUCCESSOR });
    await expectSuccession(700n);
  });

  it('takes in every record from the first that the log has otherwise', async () => {
    await recover({ topic: topicOf([...agreeing(280), Buffer.from('another'), ...agreeing(310).slice(281)]) });
    expect(lines.join('\n')).toContain('audit-log parts from the log at leaf 280: offset 660');
    await expectSuccession(660n);
  });

  it('begins at the end of a topic that lost the last records of the log', async () => {
    await recover({ topic: topicOf(agreeing(290)) });
    await expectSuccession(680n);
  });

  it('begins where it is told, and has the name it is given', async () => {
    await expect(recover({ topic: topicOf(agreeing(310), { begin: 120n }) })).rejects.toEqual(code('ATS_LOG_GAP'));
    await recover({ topic: topicOf(agreeing(310), { begin: 120n }), fromOffset: 120n });
    await expectSuccession(120n);
    expect([nextOrigin('a.b/c'), nextOrigin('a.b/c/successor-9')]).toEqual(['a.b/c/successor-1', 'a.b/c/successor-10']);
  });

  it('is made from a store that cannot be opened any more, as long as the entries of its checkpoint are whole', async () => {
    writeFileSync(join(layout.logDir, 'state/0000000000000002'), 'damaged');
    writeFileSync(join(layout.logDir, 'state/0000000000000003'), 'damaged');
    await expect(LogStore.open({ dir: layout.logDir })).rejects.toEqual(code('ATS_LOG_DAMAGED'));
    await recover();
    await expectSuccession(700n);
  });

  it('can be succeeded again', async () => {
    const chain = new MadeUpChain();
    await recover({ chain });
    await expectSuccession(700n);
    chain.head = undefined;
    const plan = await recover({ chain });
    expect([plan.origin, plan.successor, plan.number]).toEqual([SUCCESSOR, `${ORIGIN}/successor-2`, 2]);
  });
});

describe('is refused, with nothing changed', () => {
  const expectRefusal = async (name: string, more: Partial<RecoverLogParameters> = {}): Promise<void> => {
    await expect(recover(more)).rejects.toEqual(code(name));
    expect([readFileSync(layout.logVkeyFile, 'utf8').trim(), existsSync(join(layout.home, 'recovery')), existsSync(join(layout.home, 'ended-logs'))]).toEqual([oldVkey, false, false]);
  };

  it('while another process holds the log', async () => {
    const store = await LogStore.open({ dir: layout.logDir });
    await expectRefusal('ATS_LOG_LOCKED');
    await store.close();
  });

  it('when an entry below the checkpoint is not what was signed', async () => {
    const file = join(layout.logDir, 'public/tile/entries/000');
    const bytes = readFileSync(file);
    bytes[40]! ^= 1;
    writeFileSync(file, bytes);
    await expectRefusal('ATS_LOG_DAMAGED');
  });

  it('when more, or something else, is anchored than the log shows', async () => {
    const chain = new MadeUpChain();
    chain.head = { size: 301, root: rootOf(agreeing(301)) };
    await expectRefusal('ATS_LOG_RECOVERY_REFUSED', { chain });
    chain.head = { size: 200, root: rootOf(agreeing(201)) };
    await expectRefusal('ATS_LOG_FORKED', { chain });
  });

  it('when the log is not open on chain, or the name is taken', async () => {
    const chain = new MadeUpChain();
    await expectRefusal('ATS_LOG_RECOVERY_REFUSED', { chain, origin: ORIGIN });
    chain.logs.set('taken.example/log', { status: 'open' });
    await expectRefusal('ATS_LOG_RECOVERY_REFUSED', { chain, origin: 'taken.example/log' });
    await expectRefusal('ATS_NOTE_KEY_INVALID', { chain, origin: 'no key name' });
    chain.logs.delete(ORIGIN);
    await expectRefusal('ATS_LOG_RECOVERY_REFUSED', { chain });
  });

  it('with a checkpoint of another key', async () => {
    const foreign = signNote(formatCheckpoint({ origin: ORIGIN, size: 300, root: rootOf(agreeing(300)) }), [noteSigner(generateLogKey(ORIGIN).privateKey)]);
    await expectRefusal('ATS_LOG_DAMAGED', { checkpoint: foreign });
  });
});

it('killed before any of its writes, to disk or to the chain, it goes on where it was: one successor, declared once, no key lost', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', './bin/typescript.mjs', 'apps/cli/test/recover-crash.ts'], { cwd: repositoryRoot });
  expect(Number(stdout)).toBeGreaterThan(30);
}, 300_000);
