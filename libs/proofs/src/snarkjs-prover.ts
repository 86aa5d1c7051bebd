import { availableParallelism } from 'node:os';
import { AtsError } from '#libs/errors';
import type { Prover } from './batch-verifier.js';
import { loadCircuit, type Circuit } from './circuit.js';
import { encodeProof } from './proof-codec.js';
import { createSnarkjsPool } from './snarkjs-pool.js';

export interface CreateSnarkjsProverParameters {
  /** Proofs made at once, each on one core; default: one a core. */
  threads?: number;
  /** Folder of the circuits' files; default: this project's. */
  folder?: string;
}

/** Groth16 by snarkjs in threads of its own: witness by the circuit's wasm, proof by its zkey. The event loop stays free. */
export function createSnarkjsProver({ threads = availableParallelism(), folder }: CreateSnarkjsProverParameters = {}): Prover {
  const circuits = new Map<string, Circuit>();
  const pool = createSnarkjsPool(threads);

  return {
    async prove(id, input) {
      const circuit = circuits.get(id) ?? loadCircuit(id, folder);
      circuits.set(id, circuit);
      const { wasmFile, zkeyFile } = circuit;
      const answer = await pool.run({ kind: 'prove', input, wasmFile, zkeyFile });
      if (!answer.ok) throw new AtsError('ATS_PROOF_FAILED', `${id}: ${answer.why.trim()}`);
      if (typeof answer.value === 'boolean') throw new TypeError('a verdict came back for a proof');
      return { proof: encodeProof(answer.value.proof), publicSignals: answer.value.publicSignals.map(BigInt) };
    },
    close: () => pool.close(),
  };
}
