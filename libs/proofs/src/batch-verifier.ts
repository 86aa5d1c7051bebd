/** One proof with the public signals that the verifier itself put together, in the circuit's order. */
export interface ProofJob {
  /** Circuit id, such as telemetry16. */
  circuit: string;
  /** 256 bytes as `encodeProof` writes them; anything else is a false verdict. */
  proof: Buffer;
  publicSignals: readonly bigint[];
}

/** Verdicts over batches of proofs: the gate's view of any Groth16 verifier. */
export interface BatchVerifier {
  readonly name: string;
  /**
   * One verdict a job, in order. Bad input of any form is false, never an error; an error means that no verdict could be found at all,
   * and says nothing about the proofs.
   */
  verifyBatch(jobs: readonly ProofJob[]): Promise<boolean[]>;
  /** Ends all threads. Batches under way are rejected. */
  close(): Promise<void>;
}

/** Makes proofs. */
export interface Prover {
  /**
   * Input under the circuit's own names (`TelemetryInput` for telemetry16).
   * @throws AtsError ATS_PROOF_FAILED when the inputs do not satisfy the statement, ATS_CIRCUIT_MISSING for an unknown circuit.
   */
  prove(circuit: string, input: Record<string, unknown>): Promise<{ proof: Buffer; publicSignals: bigint[] }>;
  /** Ends all threads. Proofs under way are rejected. */
  close(): Promise<void>;
}
