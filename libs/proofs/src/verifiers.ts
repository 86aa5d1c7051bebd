import { AtsError } from '#libs/errors';
import type { BatchVerifier, ProofJob } from './batch-verifier.js';
import { loadVerificationKey } from './circuit.js';

/** A circuit and the key that a parameter set has in force for it: hex SHA-256 of the key file. */
export interface KeyInForce {
  readonly circuit: string;
  readonly verificationKey: string;
}

/** A proof to verify under the key of its own parameter set. */
export interface KeyedProof {
  readonly parameters: KeyInForce;
  readonly job: ProofJob;
}

/** Makes a verifier of the named circuits' proofs, as createSnarkjsVerifier does. */
export type VerifierFactory = (parameters: { circuits: readonly string[]; threads: number; folder: string }) => Promise<BatchVerifier>;

/** The verifier of each verification key that a parameter set has named so far. */
export class Verifiers {
  readonly #byKey = new Map<string, Promise<BatchVerifier>>();

  constructor(private readonly circuitsDir: string, private readonly threads: number, private readonly create: VerifierFactory) {}

  /**
   * Makes {@link verify} possible for a statement.
   * @throws AtsError ATS_CIRCUIT_MISSING when the circuit's key is not there or is another than the set names
   */
  async prepare({ circuit, verificationKey }: KeyInForce): Promise<void> {
    if (this.#byKey.has(verificationKey)) return;
    const { verificationKeyHash } = loadVerificationKey(circuit, this.circuitsDir);
    if (verificationKeyHash !== verificationKey) {
      throw new AtsError('ATS_CIRCUIT_MISSING', `${this.circuitsDir} has key ${verificationKeyHash} for ${circuit}, the parameter set names ${verificationKey}`);
    }
    const verifier = this.create({ circuits: [circuit], threads: this.threads, folder: this.circuitsDir });
    this.#byKey.set(verificationKey, verifier);
    verifier.catch(() => this.#byKey.delete(verificationKey));
    await verifier;
  }

  /** Which of the proofs hold, each under the key of its own parameter set. */
  async verify<P extends KeyedProof>(proofs: readonly P[]): Promise<Map<P, boolean>> {
    const results = new Map<P, boolean>();
    for (const [key, group] of Map.groupBy(proofs, ({ parameters }) => parameters.verificationKey)) {
      const verifier = await this.#byKey.get(key);
      if (verifier === undefined) throw new TypeError(`key ${key} was not prepared`);
      const holds = await verifier.verifyBatch(group.map(({ job }) => job));
      group.forEach((proof, i) => results.set(proof, holds[i]!));
    }
    return results;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#byKey.values()].map(async (verifier) => (await verifier).close()));
  }
}
