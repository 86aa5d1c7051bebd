import { availableParallelism } from 'node:os';
import { AtsError, isAtsError } from '#libs/errors';
import { FIELD_MODULUS } from '#libs/events';
import type { BatchVerifier, ProofJob } from './batch-verifier.js';
import { loadVerificationKey, type VerificationKey } from './circuit.js';
import { decodeProof } from './proof-codec.js';
import { createSnarkjsPool, type SnarkjsPool } from './snarkjs-pool.js';

export interface CreateSnarkjsVerifierParameters {
  /** Ids of the circuits whose proofs will come. */
  circuits: readonly string[];
  /** Default: one a core. */
  threads?: number;
  /** Folder of the circuits' files; default: this project's. */
  folder?: string;
  /** Keys of the circuits, in their order, instead of those in the folder. */
  keys?: readonly VerificationKey[];
}

/**
 * Groth16 by snarkjs, one proof a thread at a time. What snarkjs 0.7 does not check is checked before it: the exact number of public signals
 * (it ignores a surplus), their canonical form, coordinates below q, B's subgroup; and what it throws on never reaches it.
 * @throws AtsError ATS_CIRCUIT_MISSING
 */
export async function createSnarkjsVerifier({ circuits, threads = availableParallelism(), folder, keys: given }: CreateSnarkjsVerifierParameters): Promise<BatchVerifier> {
  const keys = new Map(circuits.map((id, i) => [id, given?.[i] ?? loadVerificationKey(id, folder).verificationKey]));
  const pool = createSnarkjsPool(threads);

  return {
    name: 'snarkjs',
    async verifyBatch(jobs) {
      const rows = jobs.map((job) => ({ job, key: requireKey(keys, job.circuit) }));
      const verdicts = Array<boolean>(rows.length).fill(false);
      // One loop a thread: the point checks run here just before a thread is free, and never block the event loop for a whole batch.
      const next = rows.entries();
      const work = async () => {
        for (const [index, { job, key }] of next) verdicts[index] = await verifyOne(pool, key, job);
      };
      await Promise.all(Array.from({ length: Math.min(threads, rows.length) }, work));
      return verdicts;
    },
    close: () => pool.close(),
  };
}

async function verifyOne(pool: SnarkjsPool, key: VerificationKey, { proof, publicSignals }: ProofJob): Promise<boolean> {
  if (publicSignals.length !== key.nPublic || !publicSignals.every(isCanonical)) return false;
  const decoded = decodeOrNothing(proof);
  if (decoded === undefined) return false;
  const answer = await pool.run({ kind: 'verify', key, publicSignals: publicSignals.map(String), proof: decoded });
  // The proof is well formed, so a failure is the verifier's own and no verdict.
  if (!answer.ok) throw new AtsError('ATS_INTERNAL', `snarkjs failed on a well-formed proof: ${answer.why}`);
  return answer.value === true;
}

function isCanonical(signal: unknown): boolean {
  return typeof signal === 'bigint' && signal >= 0n && signal < FIELD_MODULUS;
}

function decodeOrNothing(proof: Buffer): ReturnType<typeof decodeProof> | undefined {
  try {
    return decodeProof(proof);
  } catch (error) {
    if (isAtsError(error, 'ATS_PROOF_MALFORMED')) return undefined;
    throw error;
  }
}

/** A circuit that nobody prepared is the caller's fault, not the proof's: a false verdict would refuse honest messages. */
function requireKey(keys: Map<string, VerificationKey>, circuit: string): VerificationKey {
  const key = keys.get(circuit);
  if (key === undefined) throw new AtsError('ATS_CIRCUIT_MISSING', `the verifier was not made for the circuit ${JSON.stringify(circuit)}`);
  return key;
}
