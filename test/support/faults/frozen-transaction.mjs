/**
 * Loaded into an app before its own code (NODE_OPTIONS=--import=...): while the file TEST_FREEZE_FILE is there, the next transaction takes what it says, and takes it
 * away. `freeze`: the process stands still (SIGSTOP) before it moves the offset, with the transaction begun, until somebody sends SIGCONT. `lose PREFIX`: of an id that
 * begins so, the transaction is committed and its answer lost.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';

/** Every client's requests go through it. */
const { prototype: broker } = createRequire(import.meta.url)('kafkajs/src/broker/index.js');
const { txnOffsetCommit, endTxn } = broker;
const file = process.env.TEST_FREEZE_FILE;

broker.txnOffsetCommit = async function (request) {
  if (takes('freeze')) process.kill(process.pid, 'SIGSTOP');
  return await txnOffsetCommit.call(this, request);
};

broker.endTxn = async function (request) {
  const answer = await endTxn.call(this, request);
  if (takes('lose', request.transactionalId)) throw new Error('the answer was lost');
  return answer;
};

function takes(what, id = '') {
  if (!existsSync(file)) return false;
  const [wanted, prefix = ''] = readFileSync(file, 'utf8').split(' ');
  if (wanted !== what || !id.startsWith(prefix)) return false;
  rmSync(file);
  return true;
}
