import { availableParallelism } from 'node:os';
import { AtsError } from '#libs/errors';
import { FIELD_MODULUS, PROOF_BYTES } from '#libs/events';
import type { BatchVerifier } from './batch-verifier.js';
import { loadVerificationKey } from './circuit.js';
import type { NobleAnswer, NobleTask } from './noble.worker.js';
import type { CreateSnarkjsVerifierParameters } from './snarkjs-verifier.js';
import { WorkerPool } from './worker-pool.js';

/** Proofs that share one final exponentiation and one equation. A batch with a bad proof is halved until it is alone. */
const BATCH = 32;

/**
 * Groth16 by @noble/curves, another implementation than snarkjs from the bytes on, in threads: a batch of proofs is one random linear combination with
 * 128-bit coefficients from the OS. Accepts and refuses what {@link createSnarkjsVerifier} does.
 * @throws AtsError ATS_CIRCUIT_MISSING
 */
export async function createNobleVerifier({ circuits, threads = availableParallelism(), folder, keys: given }: CreateSnarkjsVerifierParameters): Promise<BatchVerifier> {
  const keys = new Map(circuits.map((id, i) => [id, given?.[i] ?? loadVerificationKey(id, folder).verificationKey]));
  // The script lies beside this file: TypeScript in the sources, JavaScript in dist.
  const pool = new WorkerPool<NobleTask, NobleAnswer>(new URL(import.meta.url.endsWith('.ts') ? './noble.worker.ts' : './noble.worker.js', import.meta.url), threads);

  return {
    name: 'noble',
    async verifyBatch(jobs) {
      const holds = Array<boolean>(jobs.length).fill(false);
      const tasks: { indices: number[]; task: NobleTask }[] = [];
      for (const [circuit, indices] of Map.groupBy(jobs.keys(), (i) => jobs[i]!.circuit)) {
        const key = keys.get(circuit);
        if (key === undefined) throw new AtsError('ATS_CIRCUIT_MISSING', `the verifier was not made for the circuit ${JSON.stringify(circuit)}`);
        const wellFormed = indices.filter((i) => jobs[i]!.proof.length === PROOF_BYTES && jobs[i]!.publicSignals.length === key.nPublic && jobs[i]!.publicSignals.every(isCanonical));
        const size = Math.max(1, Math.min(BATCH, Math.ceil(wellFormed.length / threads)));
        for (let at = 0; at < wellFormed.length; at += size) {
          const some = wellFormed.slice(at, at + size);
          tasks.push({ indices: some, task: { key, proofs: some.map((i) => ({ proof: Uint8Array.from(jobs[i]!.proof), publicSignals: jobs[i]!.publicSignals.map(String) })) } });
        }
      }
      await Promise.all(tasks.map(async ({ indices, task }) => {
        const answer = await pool.run(task);
        if (!answer.ok) throw new AtsError('ATS_INTERNAL', `noble failed on a batch of proofs: ${answer.why}`);
        indices.forEach((i, at) => { holds[i] = answer.holds[at]!; });
      }));
      return holds;
    },
    close: () => pool.close(),
  };
}

function isCanonical(signal: unknown): boolean {
  return typeof signal === 'bigint' && signal >= 0n && signal < FIELD_MODULUS;
}
