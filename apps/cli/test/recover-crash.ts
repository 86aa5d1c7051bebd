/**
 * Recovers a log over and over, each time dead from another write on (files, folders, chain), and once more to its end: node --import ./bin/typescript.mjs recover-crash.ts.
 * A program of its own, because only there the functions of node:fs can be replaced under everybody. Prints the number of deaths; fails on the first that is not survived.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeEntryBundle, formatCheckpoint, generateLogKey, LogStore, noteSigner, noteVerifier, signNote } from '#libs/log';
import { layoutOf, type Layout } from '../src/layout.js';
import { recoverLog, type RecoveryChain } from '../src/recover/recover-log.js';

const ORIGIN = 'log.example/1/0xabc';
const SUCCESSOR = `${ORIGIN}/successor-1`;
const key = generateLogKey(ORIGIN);
const entry = (index: number): Buffer => Buffer.from(`entry ${index}`);

class Dead extends Error {}
let writes = 0;
let deadFrom = Infinity;
function write(): void {
  if (++writes >= deadFrom) throw new Dead();
}

for (const name of ['renameSync', 'mkdirSync', 'writeSync', 'rmSync', 'writeFileSync', 'fsyncSync'] as const) mortal(fs, name);
for (const name of ['link', 'mkdir', 'rename', 'rmdir', 'unlink'] as const) mortal(promises, name);
const { open } = promises;
promises.open = async (...args) => {
  if (args[1] !== 'r') write();
  return await open(...args);
};
syncBuiltinESMExports();

function mortal<T extends object>(module: T, name: keyof T): void {
  const original = module[name] as (...args: unknown[]) => unknown;
  module[name] = ((...args: unknown[]) => {
    write();
    return original(...args);
  }) as T[keyof T];
}

/** The contract's rules; a death may come before a transaction is mined, or after, before its sender knows. */
class MortalChain implements RecoveryChain {
  readonly logs = new Map<string, 'open' | 'superseded'>([[ORIGIN, 'open']]);
  async status(origin: string) { return this.logs.get(origin) ?? 'absent' as const; }
  async anchored() { return undefined; }
  async supersede(origin: string, successor: string) {
    write();
    assert.equal(this.logs.get(origin), 'open');
    assert.equal(this.logs.has(successor), false);
    this.logs.set(origin, 'superseded').set(successor, 'open');
    write();
  }
}

async function prepare(): Promise<Layout> {
  const layout = layoutOf({ home: fs.mkdtempSync(join(tmpdir(), 'attestream-recover-')), portBase: 20_000, households: 1 });
  fs.mkdirSync(join(layout.home, 'keys'));
  fs.writeFileSync(layout.logVkeyFile, `${key.vkey}\n`);
  fs.writeFileSync(layout.logKeyFile, `${key.privateKey}\n`, { mode: 0o600 });
  await LogStore.create({ dir: layout.logDir, origin: ORIGIN });
  const store = await LogStore.open({ dir: layout.logDir });
  await store.append([0, 1, 2].map(entry), 3n);
  await store.publish(signNote(formatCheckpoint({ origin: ORIGIN, ...store.head }), [noteSigner(key.privateKey)]));
  await store.close();
  return layout;
}

/** `records` are what the topic has at the time: what was decided before it changed must stand. */
const recover = (layout: Layout, chain: RecoveryChain, records: number) => recoverLog({
  layout, chain, say: () => undefined, signal: AbortSignal.timeout(60_000), pollMs: 1, patienceMs: 0,
  topic: { begin: async () => 0n, end: async () => BigInt(records), async *read(from, to) { for (let at = from; at < to; at++) yield { offset: at, value: entry(Number(at)) }; } },
});

async function assertWhole(layout: Layout): Promise<void> {
  const signer = noteSigner(fs.readFileSync(layout.logKeyFile, 'utf8').trim());
  assert.deepEqual([signer.name, noteVerifier(fs.readFileSync(layout.logVkeyFile, 'utf8').trim()).keyId], [SUCCESSOR, signer.keyId]);
  assert.equal(fs.statSync(layout.logKeyFile).mode & 0o777, 0o600);
  const ended = join(layout.home, 'ended-logs/1');
  assert.equal(fs.readFileSync(join(ended, 'key'), 'utf8').trim(), key.privateKey);
  assert.equal(fs.readFileSync(join(ended, 'log.vkey'), 'utf8').trim(), key.vkey);
  const store = await LogStore.open({ dir: layout.logDir });
  assert.deepEqual([store.origin, store.head.size, store.firstOffset], [SUCCESSOR, 1, 3n]);
  assert.deepEqual(decodeEntryBundle(await store.tiles.entries(0, 1), 1)[0], fs.readFileSync(join(ended, 'log/public/checkpoint')));
  await store.close();
  assert.deepEqual(fs.readdirSync(layout.home).toSorted(), ['ended-logs', 'keys', 'log']);
}

let deaths = 0;
for (let at = 1; ; at++) {
  const layout = await prepare();
  const chain = new MortalChain();
  writes = 0;
  deadFrom = at;
  const died = await recover(layout, chain, 3).then(() => false, (error: unknown) => {
    if (error instanceof Dead || (error as { cause?: unknown }).cause instanceof Dead || writes >= at) return true;
    throw error;
  });
  deadFrom = Infinity;
  try {
    if (died) {
      deaths++;
      const decided = fs.existsSync(join(layout.home, 'recovery/plan.json'));
      await recover(layout, chain, decided ? 5 : 3).catch((error: unknown) => {
        // it died behind its last step: the log in place is the successor, for which nothing is to be recovered
        if (chain.logs.get(ORIGIN) !== 'superseded' || decided) throw error;
      });
    }
    if (!fs.existsSync(join(layout.home, 'ended-logs/2'))) await assertWhole(layout);
  } catch (error) {
    throw new Error(`dead from write ${at} on: ${String(error)}`, { cause: error });
  } finally {
    fs.rmSync(layout.home, { recursive: true });
  }
  if (!died) break;
}
process.stdout.write(`${deaths}\n`);
