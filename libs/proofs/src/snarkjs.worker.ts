// Thread that runs snarkjs, one task at a time. Node runs this file as it stands when the sources are run (so: erasable types only, no imports of
// our own but types), and its compiled twin from dist.
import threads, { parentPort } from 'node:worker_threads';
import type { SnarkjsProof } from './proof-codec.js';

export type SnarkjsTask =
  | { kind: 'prove'; input: Record<string, unknown>; wasmFile: string; zkeyFile: string }
  | { kind: 'verify'; key: object; publicSignals: string[]; proof: SnarkjsProof };
export type SnarkjsAnswer =
  | { ok: true; value: boolean | { proof: SnarkjsProof; publicSignals: string[] } }
  | { ok: false; why: string };

// web-worker, which snarkjs loads for threads that it does not start here, takes every thread but the main one for its own and fails in ours.
const builtin: { isMainThread: boolean } = threads;
builtin.isMainThread = true;
const snarkjs = await import('snarkjs');
builtin.isMainThread = false;

// snarkjs takes the curve that it finds here: one without threads of its own, built once.
(globalThis as { curve_bn128?: object }).curve_bn128 = await snarkjs.curves.getCurveFromName('bn128', { singleThread: true });

// The witness calculator prints what it throws; the thrown error says it all, and the app's streams belong to its log.
console.error = () => {};

parentPort!.on('message', (task: SnarkjsTask) => {
  run(task).then(
    (value) => answer({ ok: true, value }),
    (error: unknown) => answer({ ok: false, why: error instanceof Error ? error.message : String(error) }),
  );
});

function run(task: SnarkjsTask): Promise<boolean | { proof: SnarkjsProof; publicSignals: string[] }> {
  return task.kind === 'verify'
    ? snarkjs.groth16.verify(task.key, task.publicSignals, task.proof)
    : snarkjs.groth16.fullProve(task.input, task.wasmFile, task.zkeyFile);
}

function answer(message: SnarkjsAnswer): void {
  parentPort!.postMessage(message);
}
