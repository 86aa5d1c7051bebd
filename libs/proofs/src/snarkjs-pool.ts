import { WorkerPool } from './worker-pool.js';
import type { SnarkjsAnswer, SnarkjsTask } from './snarkjs.worker.js';

export type SnarkjsPool = WorkerPool<SnarkjsTask, SnarkjsAnswer>;

/** Threads that run snarkjs. The script lies beside this file: TypeScript in the sources, JavaScript in dist. */
export function createSnarkjsPool(threads: number): SnarkjsPool {
  return new WorkerPool(new URL(import.meta.url.endsWith('.ts') ? './snarkjs.worker.ts' : './snarkjs.worker.js', import.meta.url), threads);
}
