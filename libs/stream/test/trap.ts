import { appendFileSync } from 'node:fs';
import { TransactionalProducer } from '../src/transactional-producer.js';

/** A step of a transaction after which the process is to be killed or frozen; `offsets` is after the output, too. */
export interface Trap { at: 'sent' | 'offsets' | 'committed'; signal: 'SIGKILL' | 'SIGSTOP' }

/** Lets a trap be set for this process's next transaction. One that is sprung is a line of the file: who is killed tells nobody else. */
export function trapTransactions(notes: string): (trap: Trap) => void {
  let trap: Trap | undefined;
  const step = (at: Trap['at']) => {
    if (trap?.at !== at) return;
    const { signal } = trap;
    trap = undefined;
    appendFileSync(notes, `${at} ${signal}\n`);
    process.kill(process.pid, signal);
  };
  const steps = TransactionalProducer.prototype;
  const { write, moveOffset, commit } = steps;
  const writing = new WeakMap<TransactionalProducer, Promise<void>>();
  steps.write = async function trapped(this: TransactionalProducer, batches) {
    const written = write.call(this, batches);
    writing.set(this, written);
    await written;
    step('sent');
  };
  steps.moveOffset = async function trapped(this: TransactionalProducer, ...offset) {
    await moveOffset.apply(this, offset);
    await writing.get(this); // begun in the same turn as this
    step('offsets');
  };
  steps.commit = async function trapped(this: TransactionalProducer) {
    await commit.call(this);
    step('committed');
  };
  return (next) => { trap = next; };
}
