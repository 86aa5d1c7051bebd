import { Worker } from 'node:worker_threads';
import { AtsError } from '#libs/errors';

/** A task is given to at most this many threads before its own fault is assumed. */
const ATTEMPTS = 3;

interface Job<Task, Answer> {
  task: Task;
  attempts: number;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/**
 * Threads that each work on one task at a time: a message in, a message out. They start with the first tasks, up to `threads`, and do not keep
 * the process alive while idle. A thread that dies is replaced and its task given to another, so tasks must be repeatable.
 */
export class WorkerPool<Task, Answer> {
  /** Every living thread, with its job while it has one. Owned by #dispatch, #settle and #lose. */
  readonly #workers = new Map<Worker, Job<Task, Answer> | undefined>();
  readonly #queue: Job<Task, Answer>[] = [];
  #closed = false;

  constructor(private readonly script: URL, private readonly threads: number) {
    if (!Number.isInteger(threads) || threads < 1) throw new RangeError(`${threads} threads; at least 1 is expected`);
  }

  /** Threads that live now. */
  get size(): number { return this.#workers.size; }

  /** @throws AtsError ATS_INTERNAL when the pool is closed, or every thread that took the task died. */
  run(task: Task): Promise<Answer> {
    if (this.#closed) return Promise.reject(closed());
    return new Promise((resolve, reject) => {
      this.#queue.push({ task, attempts: 0, resolve, reject });
      this.#dispatch();
    });
  }

  /** Ends all threads; tasks that have no answer yet are rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    const workers = [...this.#workers];
    this.#workers.clear();
    for (const job of [...workers.map(([, busy]) => busy), ...this.#queue.splice(0)]) job?.reject(closed());
    await Promise.all(workers.map(([worker]) => worker.terminate()));
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const worker = this.#idle() ?? (this.#workers.size < this.threads ? this.#start() : undefined);
      if (worker === undefined) return;
      const job = this.#queue.shift()!;
      this.#workers.set(worker, job);
      worker.ref();
      try {
        worker.postMessage(job.task);
      } catch (error) {
        // A value that cannot be copied to a thread; the thread has seen nothing of it.
        this.#workers.set(worker, undefined);
        worker.unref();
        job.reject(error);
      }
    }
  }

  #idle(): Worker | undefined {
    for (const [worker, job] of this.#workers) if (job === undefined) return worker;
    return undefined;
  }

  #start(): Worker {
    const worker = new Worker(this.script);
    let cause: unknown;
    worker.on('message', (answer: Answer) => { this.#settle(worker, answer); });
    worker.on('error', (error) => { cause = error; });
    worker.on('exit', (code) => { this.#lose(worker, cause ?? new Error(`exit code ${code}`)); });
    this.#workers.set(worker, undefined);
    worker.unref();
    return worker;
  }

  #settle(worker: Worker, answer: Answer): void {
    const job = this.#workers.get(worker);
    // After close() there is none.
    if (job === undefined) return;
    this.#workers.set(worker, undefined);
    worker.unref();
    job.resolve(answer);
    this.#dispatch();
  }

  #lose(worker: Worker, cause: unknown): void {
    const job = this.#workers.get(worker);
    this.#workers.delete(worker);
    if (job === undefined) return;
    job.attempts += 1;
    if (job.attempts < ATTEMPTS) this.#queue.unshift(job);
    else job.reject(new AtsError('ATS_INTERNAL', `${ATTEMPTS} threads died on one task, the last one with: ${String(cause)}`, { cause }));
    this.#dispatch();
  }
}

function closed(): AtsError {
  return new AtsError('ATS_INTERNAL', 'the thread pool is closed');
}
