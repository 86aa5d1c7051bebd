import { AtsError } from '#libs/errors';
import { createSnarkjsVerifier, loadCircuit, type BatchVerifier } from '#libs/proofs';
import type { Candidate, StatementParameters } from '#libs/verdict';

/** The verifier of each verification key that a parameter set has named so far. */
export class Verifiers {
  readonly #byKey = new Map<string, Promise<BatchVerifier>>();

  constructor(private readonly circuitsDir: string, private readonly threads: number) {}

  /**
   * Makes {@link verify} possible for a statement.
   * @throws AtsError ATS_CIRCUIT_MISSING when the circuit's files are not there or hold another key than the set names
   */
  async prepare({ circuit, verificationKey }: Pick<StatementParameters, 'circuit' | 'verificationKey'>): Promise<void> {
    if (this.#byKey.has(verificationKey)) return;
    const { verificationKeyHash } = loadCircuit(circuit, this.circuitsDir);
    if (verificationKeyHash !== verificationKey) {
      throw new AtsError('ATS_CIRCUIT_MISSING', `${this.circuitsDir} has key ${verificationKeyHash} for ${circuit}, the parameter set names ${verificationKey}`);
    }
    const verifier = createSnarkjsVerifier({ circuits: [circuit], threads: this.threads, folder: this.circuitsDir });
    this.#byKey.set(verificationKey, verifier);
    verifier.catch(() => this.#byKey.delete(verificationKey));
    await verifier;
  }

  /** Which of the candidates have a proof that holds, each under the key of its own parameter set. */
  async verify(candidates: readonly Candidate[]): Promise<Map<Candidate, boolean>> {
    const results = new Map<Candidate, boolean>();
    for (const [key, group] of Map.groupBy(candidates, ({ parameters }) => parameters.verificationKey)) {
      const verifier = await this.#byKey.get(key);
      if (verifier === undefined) throw new TypeError(`key ${key} was not prepared`);
      const holds = await verifier.verifyBatch(group.map(({ job }) => job));
      group.forEach((candidate, i) => results.set(candidate, holds[i]!));
    }
    return results;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#byKey.values()].map(async (verifier) => (await verifier).close()));
  }
}
