/** A process that writes a log until it is killed: node --import ./bin/typescript.mjs store-writer.ts DIR BRANCH [no-lock]. Tells each step on a line. */
import { isAtsError } from '#libs/errors';
import { nodeDisk } from '../src/store/disk.js';
import { LogStore } from '../src/store/log-store.js';
import { entriesOf, randomOf, sign } from './store-world.js';

const [dir = '', branch = '0', lock] = process.argv.slice(2);
const random = randomOf(Number(branch));
// written at once, so that what the reader of the pipe has is what happened
const tell = (...words: (string | number)[]): void => void process.stdout.write(`${words.join(' ')}\n`);

try {
  const store = await LogStore.open({ dir }, lock === 'no-lock' ? { ...nodeDisk, lock: async () => ({ release: async () => {} }) } : nodeDisk);
  tell('opened', store.head.size, store.head.root.toString('hex'));
  for (;;) {
    const from = store.head.size;
    const to = from + 1 + Math.floor(random() * 600);
    const { size, root } = await store.append(entriesOf(from, to, Number(branch)), BigInt(to));
    tell('committed', size, root.toString('hex'));
    if (random() < 0.7) {
      await store.publish(sign(store.head));
      tell('published', size, root.toString('hex'));
    }
  }
} catch (error) {
  if (!isAtsError(error)) throw error;
  tell('refused', error.code);
}
