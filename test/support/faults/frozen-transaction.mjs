/**
 * Loaded into an app before its own code (NODE_OPTIONS=--import=...): while the file TEST_FREEZE_FILE is there, the next transaction takes what it says, and takes it
 * away. `freeze`: the process stands still (SIGSTOP) between records and offsets, until somebody sends SIGCONT. `lose PREFIX`: of an id that begins so, the
 * transaction is committed and its answer lost.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';

const { Kafka } = createRequire(import.meta.url)('kafkajs');
const newProducer = Kafka.prototype.producer;
const file = process.env.TEST_FREEZE_FILE;

Kafka.prototype.producer = function (options) {
  const producer = newProducer.call(this, options);
  const begin = producer.transaction;
  producer.transaction = async () => {
    const transaction = await begin();
    const { sendOffsets, commit } = transaction;
    return Object.assign(transaction, {
      sendOffsets: async (offsets) => {
        if (takes('freeze')) process.kill(process.pid, 'SIGSTOP');
        return await sendOffsets(offsets);
      },
      commit: async () => {
        await commit();
        if (takes('lose', options.transactionalId)) throw new Error('the answer was lost');
      },
    });
  };
  return producer;
};

function takes(what, id = '') {
  if (!existsSync(file)) return false;
  const [wanted, prefix = ''] = readFileSync(file, 'utf8').split(' ');
  if (wanted !== what || !id.startsWith(prefix)) return false;
  rmSync(file);
  return true;
}
