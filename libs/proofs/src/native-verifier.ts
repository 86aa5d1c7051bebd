import { availableParallelism } from 'node:os';
import { AtsError } from '#libs/errors';
import { FIELD_MODULUS, PROOF_BYTES } from '#libs/events';
import type { BatchVerifier, ProofJob } from './batch-verifier.js';
import { loadVerificationKey, type VerificationKey } from './circuit.js';
import { requireNative, type NativeAddon, type NativeVerifier } from './native-addon.js';
import { PendingCalls } from './pending-calls.js';

export interface CreateNativeVerifierParameters {
  /** Ids of the circuits whose proofs will come; one batch may hold proofs of all of them. */
  circuits: readonly string[];
  /** Threads of a batch that is large enough to be shared; default: one a core. */
  threads?: number;
  /** Folder of the circuits' files; default: this project's. */
  folder?: string;
  /** Keys of the circuits, in their order, instead of those in the folder. */
  keys?: readonly VerificationKey[];
}

const FIELD_BYTES = 32;

/**
 * Groth16 by native/: one equation a batch, off Node's thread. It takes exactly the proofs that {@link createSnarkjsVerifier} takes, but for a chance
 * of at most n / 2^127 in a batch of n.
 * @throws AtsError ATS_NATIVE_MISSING where native/ is not built, ATS_CIRCUIT_MISSING
 */
export async function createNativeVerifier({ circuits, threads = availableParallelism(), folder, keys = circuits.map((id) => loadVerificationKey(id, folder).verificationKey) }: CreateNativeVerifierParameters): Promise<BatchVerifier> {
  const native = requireNative();
  const verifier = makeVerifier(native, circuits, keys);
  const calls = new PendingCalls('verifier');

  return {
    name: 'native',
    verifyBatch: (jobs) => calls.run(async () => {
      const verdicts = Array<boolean>(jobs.length).fill(false);
      const rows = jobs.map((job, index) => ({ job, index, key: requireKey(circuits, job.circuit) })).filter(({ job, key }) => isReadable(job, keys[key]!));
      if (rows.length === 0) return verdicts;
      const proofs = Buffer.concat(rows.map(({ job }) => job.proof));
      const codes = await verifier.verifyBatchAsync(Uint32Array.from(rows, ({ key }) => key), proofs, encodeSignals(rows.map(({ job }) => job.publicSignals)), threads);
      rows.forEach(({ index }, i) => { verdicts[index] = codes[i] === 0; });
      return verdicts;
    }),
    async close() { calls.close(); },
  };
}

function makeVerifier({ Verifier }: NativeAddon, circuits: readonly string[], keys: readonly VerificationKey[]): NativeVerifier {
  try {
    return new Verifier(keys.map(encodeKey));
  } catch (cause) {
    throw new AtsError('ATS_CIRCUIT_MISSING', `${circuits.join(', ')}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** What Rust could not be handed: another length, another count of signals, or one that 32 bytes do not hold. */
function isReadable({ proof, publicSignals }: ProofJob, { nPublic }: VerificationKey): boolean {
  return proof.length === PROOF_BYTES && publicSignals.length === nPublic
    && publicSignals.every((signal: unknown) => typeof signal === 'bigint' && signal >= 0n && signal < FIELD_MODULUS);
}

function requireKey(circuits: readonly string[], circuit: string): number {
  const key = circuits.indexOf(circuit);
  if (key < 0) throw new AtsError('ATS_CIRCUIT_MISSING', `the verifier was not made for the circuit ${JSON.stringify(circuit)}`);
  return key;
}

function encodeSignals(rows: readonly (readonly bigint[])[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(FIELD_BYTES * rows.reduce((count, row) => count + row.length, 0)));
  let offset = 0;
  for (const row of rows) {
    for (const signal of row) {
      // setBigUint64 takes the low 64 bits.
      for (let rest = signal, at = offset + 24; rest > 0n; rest >>= 64n, at -= 8) view.setBigUint64(at, rest);
      offset += FIELD_BYTES;
    }
  }
  return new Uint8Array(view.buffer);
}

/** alpha, beta, gamma, delta, IC as EIP-197 writes points; infinity, which only IC may hold, as zeros. */
export function encodeKey({ vk_alpha_1, vk_beta_2, vk_gamma_2, vk_delta_2, IC }: VerificationKey): Buffer {
  return Buffer.concat([encodeG1(vk_alpha_1), ...[vk_beta_2, vk_gamma_2, vk_delta_2].map(encodeG2), ...IC.map(encodeG1)]);
}

function encodeG1([x, y, z]: readonly string[]): Buffer {
  return z === '0' ? Buffer.alloc(2 * FIELD_BYTES) : encodeFields([x, y]);
}

function encodeG2([x, y]: readonly (readonly string[])[]): Buffer {
  return encodeFields([x?.[1], x?.[0], y?.[1], y?.[0]]);
}

function encodeFields(texts: readonly (string | undefined)[]): Buffer {
  return Buffer.concat(texts.map((text) => Buffer.from(BigInt(text ?? '').toString(16).padStart(2 * FIELD_BYTES, '0'), 'hex')));
}
