import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { AtsError } from '#libs/errors';
import { PROOF_BYTES } from '#libs/events';
import type { Prover } from './batch-verifier.js';
import { loadCircuit, type Circuit } from './circuit.js';
import { requireNative, type NativeProver } from './native-addon.js';
import { PendingCalls } from './pending-calls.js';
import { WorkerPool } from './worker-pool.js';
import type { WitnessAnswer, WitnessTask } from './witness.worker.js';

export interface CreateNativeProverParameters {
  /** Threads of one proof; proofs are made one after the other. Default: one a core. */
  threads?: number;
  /** Folder of the circuits' files; default: this project's. */
  folder?: string;
}

const FIELD_BYTES = 32;

/**
 * Groth16 by native/: witness by the circuit's wasm in a thread, proof by its zkey in Rust, verified there before it is given out. A circuit's files
 * are read once. The event loop stays free.
 * @throws AtsError ATS_NATIVE_MISSING where native/ is not built
 */
export function createNativeProver({ threads = availableParallelism(), folder }: CreateNativeProverParameters = {}): Prover {
  const native = requireNative();
  const circuits = new Map<string, { circuit: Circuit; prover: Promise<NativeProver> }>();
  const witnesses = new WorkerPool<WitnessTask, WitnessAnswer>(new URL(import.meta.url.endsWith('.ts') ? './witness.worker.ts' : './witness.worker.js', import.meta.url), 1);
  const calls = new PendingCalls('prover');
  /** The proof before: each has all threads to itself. */
  let turn: Promise<unknown> = Promise.resolve();

  const load = (id: string) => {
    const found = circuits.get(id);
    if (found !== undefined) return found;
    const circuit = loadCircuit(id, folder);
    const prover = readFile(circuit.zkeyFile).then((zkey) => native.Prover.load(zkey)).catch((cause: unknown) => {
      circuits.delete(id);
      throw new AtsError('ATS_CIRCUIT_MISSING', `${circuit.zkeyFile}: ${messageOf(cause)}`, { cause });
    });
    const entry = { circuit, prover };
    circuits.set(id, entry);
    return entry;
  };

  return {
    prove: (id, input) => calls.run(async () => {
      const { circuit, prover } = load(id);
      const [proving, answer] = await Promise.all([prover, witnesses.run({ input, wasmFile: circuit.wasmFile })]);
      if (!answer.ok) throw new AtsError('ATS_PROOF_FAILED', `${id}: ${answer.why.trim()}`);
      const proved = turn.then(() => proving.prove(answer.wtns, threads));
      turn = proved.catch(() => undefined);
      const bytes = await proved.catch((cause: unknown) => { throw new AtsError('ATS_PROOF_FAILED', `${id}: ${messageOf(cause)}`, { cause }); })
        .finally(() => answer.wtns.fill(0));
      const signals = Buffer.from(bytes.buffer, bytes.byteOffset + PROOF_BYTES, bytes.byteLength - PROOF_BYTES);
      return {
        proof: Buffer.from(bytes.subarray(0, PROOF_BYTES)),
        publicSignals: Array.from({ length: signals.length / FIELD_BYTES }, (_, i) => BigInt(`0x${signals.toString('hex', FIELD_BYTES * i, FIELD_BYTES * (i + 1))}`)),
      };
    }),
    async close() {
      calls.close();
      await witnesses.close();
    },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
