/**
 * Loaded into an app before its own code (NODE_OPTIONS=--import=...): while the file TEST_FREEZE_FILE is there, the next transaction freezes the process (SIGSTOP)
 * between its records and its offsets. The file is gone then. Whoever made it sends SIGCONT.
 */
import { rmSync, existsSync } from 'node:fs';
import { createRequire } from 'node:module';

const { Kafka } = createRequire(import.meta.url)('kafkajs');
const newProducer = Kafka.prototype.producer;
const file = process.env.TEST_FREEZE_FILE;

Kafka.prototype.producer = function (options) {
  const producer = newProducer.call(this, options);
  const begin = producer.transaction;
  producer.transaction = async () => {
    const transaction = await begin();
    const { sendOffsets } = transaction;
    return Object.assign(transaction, {
      sendOffsets: async (offsets) => {
        if (existsSync(file)) {
          rmSync(file);
          process.kill(process.pid, 'SIGSTOP');
        }
        return await sendOffsets(offsets);
      },
    });
  };
  return producer;
};
