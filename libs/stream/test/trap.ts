import { writeSync } from 'node:fs';
import type { KafkaClient } from '#libs/stream';

/** A step of a transaction at which the process is to be killed or frozen. */
export interface Trap { at: 'sent' | 'offsets' | 'committed'; signal: 'SIGKILL' | 'SIGSTOP' }

/** Wraps the client's transactional producers, so that a trap can be set for the next transaction. */
export function trapTransactions(kafka: KafkaClient): (trap: Trap) => void {
  let trap: Trap | undefined;
  const step = (at: Trap['at']) => {
    if (trap?.at !== at) return;
    const { signal } = trap;
    trap = undefined;
    writeSync(1, `${at} ${signal}\n`);
    process.kill(process.pid, signal);
  };
  const role = kafka.role.bind(kafka);
  kafka.role = (...parameters) => {
    const client = role(...parameters);
    const newProducer = client.producer.bind(client);
    client.producer = (config) => {
      const producer = newProducer(config);
      const begin = producer.transaction;
      producer.transaction = async () => {
        const transaction = await begin();
        return {
          ...transaction,
          async sendOffsets(offsets) {
            step('sent');
            await transaction.sendOffsets(offsets);
            step('offsets');
          },
          async commit() {
            await transaction.commit();
            step('committed');
          },
        };
      };
      return producer;
    };
    return client;
  };
  return (next) => { trap = next; };
}
