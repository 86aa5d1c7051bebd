import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deployContracts, logIdOf, logStatus, openLog, writeDeployment, type Deployment } from '#libs/chain';
import { TOPICS } from '#libs/events';
import { decodeEntryBundle, formatCheckpoint, generateLogKey, leafHash, LogStore, noteSigner, noteVerifier, openCheckpoint, signNote } from '#libs/log';
import { repositoryRoot } from '#libs/stack';
import { connectKafka, ensureTopics, EventProducer, type KafkaClient } from '#libs/stream';
import { layoutOf } from '../../apps/cli/src/layout.js';
import { startLocalChain, type LocalChain } from '../../libs/chain/test/local-chain.js';
import { startTestBroker, type TestBroker } from '../../libs/stream/test/broker.js';

const layout = layoutOf({ home: mkdtempSync(join(tmpdir(), 'attestream-recover-')), portBase: 20_000, households: 1 });
let broker: TestBroker;
let chain: LocalChain;
let kafka: KafkaClient;
let deployment: Deployment;
let origin: string;

beforeAll(async () => {
  [broker, chain] = await Promise.all([startTestBroker(), startLocalChain()]);
  kafka = connectKafka({ brokers: broker.brokers, clientId: 'test', log: { info: () => undefined, warn: () => undefined } });
  await ensureTopics(kafka, TOPICS);
  mkdirSync(join(layout.home, 'keys'), { mode: 0o700 });
  deployment = await deployContracts({ rpcUrl: chain.url, key: chain.key, registryLagSeconds: 12 });
  writeDeployment(layout.deploymentFile, deployment);
  writeFileSync(layout.operatorKeyFile, chain.key, { mode: 0o600 });
  origin = `127.0.0.1/${deployment.checkpointAnchor.toLowerCase()}`;
  await openLog({ rpcUrl: chain.url, key: chain.key, deployment, origin });
}, 180_000);
afterAll(async () => {
  kafka?.close();
  await Promise.all([broker?.remove(), chain?.stop()]);
  rmSync(layout.home, { recursive: true });
}, 60_000);

/** The command as a person runs it. */
function recoverLog(): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const args = ['--import', './bin/typescript.mjs', 'apps/cli/src/main.ts', 'recover-log', '--rpc', chain.url, '--brokers', broker.brokers.join(',')];
    execFile(process.execPath, args, { cwd: repositoryRoot, env: { ...process.env, ATTESTREAM_HOME: layout.home } }, (error, out, err) => resolve({ code: error ? Number(error.code) : 0, out, err }));
  });
}

it('a log that its topic parts from is ended on chain, and its successor begins with its last checkpoint and the first record that parts', async () => {
  const values = Array.from({ length: 6 }, (_, i) => Buffer.from(`entry ${i}`));
  const producer = new EventProducer(kafka);
  const placed = await producer.send(values.map((value) => ({ topic: 'audit-log', partition: 0, key: null, value, headers: {} })));
  await producer.close();

  const key = generateLogKey(origin);
  writeFileSync(layout.logVkeyFile, `${key.vkey}\n`);
  writeFileSync(layout.logKeyFile, `${key.privateKey}\n`, { mode: 0o600 });
  await LogStore.create({ dir: layout.logDir, origin });
  const before = await LogStore.open({ dir: layout.logDir });
  // the broker lost what stood at 4 and 5, and took other records there
  await before.append([...values.slice(0, 4), Buffer.from('lost 4'), Buffer.from('lost 5')], placed[5]!.offset + 1n);
  await before.publish(signNote(formatCheckpoint({ origin, ...before.head }), [noteSigner(key.privateKey)]));
  const { head } = before;
  await before.close();

  const { code, out, err } = await recoverLog();
  expect([code, err]).toEqual([0, '']);
  expect(out).toContain(`audit-log parts from the log at leaf 4: offset ${placed[4]!.offset}`);

  const successor = readFileSync(layout.logVkeyFile, 'utf8').split('+')[0]!;
  const status = (name: string) => logStatus({ rpcUrl: chain.url, deployment, logId: logIdOf(name), block: 'finalized' });
  expect([successor === origin, await status(origin), await status(successor)]).toEqual([false, 'superseded', 'open']);

  const after = await LogStore.open({ dir: layout.logDir });
  const note = decodeEntryBundle(await after.tiles.entries(0, 1), 1)[0]!;
  expect(openCheckpoint(note, noteVerifier(key.vkey))).toMatchObject({ origin, ...head });
  expect([after.origin, after.head, after.firstOffset]).toEqual([successor, { size: 1, root: leafHash(note) }, placed[4]!.offset]);
  await after.close();

  expect(await recoverLog()).toMatchObject({ code: 2, err: expect.stringMatching(/^ATS_LOG_RECOVERY_REFUSED: .* has published no checkpoint/) });
}, 180_000);
