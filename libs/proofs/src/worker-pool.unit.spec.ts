import { WorkerPool } from './worker-pool.js';

type Task = { say?: string; die?: boolean; dieOnce?: Int32Array; wait?: Int32Array };

/** Echoes; dies when told to, or when it is the first to see a shared cell; waits until a shared cell is not 0. */
const SCRIPT = new URL(`data:text/javascript,${encodeURIComponent(`
  import { parentPort, threadId } from 'node:worker_threads';
  parentPort.on('message', ({ say, die, dieOnce, wait }) => {
    if (die) process.exit(3);
    if (dieOnce && Atomics.exchange(dieOnce, 0, 1) === 0) throw new Error('dead at once');
    if (wait) Atomics.wait(wait, 0, 0);
    parentPort.postMessage({ say, threadId });
  });
`)}`);

const cell = () => new Int32Array(new SharedArrayBuffer(4));
let pool: WorkerPool<Task, { say: string; threadId: number }>;

beforeEach(() => { pool = new WorkerPool(SCRIPT, 2); });
afterEach(() => pool.close());

it('answers each task with its own answer, on no more threads than allowed', async () => {
  const words = Array.from({ length: 50 }, (_, i) => `word ${i}`);
  const answers = await Promise.all(words.map((say) => pool.run({ say })));
  expect(answers.map(({ say }) => say)).toEqual(words);
  expect(new Set(answers.map(({ threadId }) => threadId)).size).toBeLessThanOrEqual(2);
});

it('replaces a thread that dies and gives its task to another', async () => {
  const dieOnce = cell();
  const answers = await Promise.all(['a', 'b', 'c', 'd'].map((say) => pool.run({ say, ...(say === 'b' ? { dieOnce } : {}) })));
  expect(answers.map(({ say }) => say)).toEqual(['a', 'b', 'c', 'd']);
  expect(Atomics.load(dieOnce, 0)).toBe(1);
});

it('gives up on a task that kills every thread, and goes on with the others', async () => {
  const [deadly, ...others] = await Promise.allSettled([pool.run({ die: true }), ...['x', 'y'].map((say) => pool.run({ say }))]);
  expect(deadly).toMatchObject({ status: 'rejected', reason: { code: 'ATS_INTERNAL' } });
  expect(others).toMatchObject([{ value: { say: 'x' } }, { value: { say: 'y' } }]);
  expect((await pool.run({ say: 'still here' })).say).toBe('still here');
});

it('rejects what cannot be copied to a thread, and only that', async () => {
  await expect(pool.run({ say: (() => 1) as unknown as string })).rejects.toThrow(/could not be cloned/);
  expect((await pool.run({ say: 'next' })).say).toBe('next');
});

it('rejects tasks under way and new ones once it is closed, and leaves no thread', async () => {
  const wait = cell();
  const under = Promise.allSettled([1, 2, 3].map(() => pool.run({ say: 'late', wait })));
  await pool.close();
  expect(await under).toMatchObject(Array(3).fill({ status: 'rejected', reason: { code: 'ATS_INTERNAL' } }));
  await expect(pool.run({ say: 'new' })).rejects.toMatchObject({ code: 'ATS_INTERNAL' });
  expect(pool.size).toBe(0);
});
