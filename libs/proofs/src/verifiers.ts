import { AtsError } from '#libs/errors';
import type { BatchVerifier, ProofJob } from './batch-verifier.js';
import { loadVerificationKey, type VerificationKey } from './circuit.js';

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

/**
 * Makes a verifier of the named circuits' proofs, as createSnarkjsVerifier does. With `keys`, these are the circuits' keys, in the same order, and the names
 * can be any.
 */
export type VerifierFactory = (parameters: { circuits: readonly string[]; threads: number; folder: string; keys?: readonly VerificationKey[] }) => Promise<BatchVerifier>;

/** A verifier with the calls that it works on: it is closed when another has taken its place and none is left. */
interface Shared {
  readonly verifier: BatchVerifier;
  calls: number;
}

/** One verifier of every verification key that a parameter set has named so far: proofs under several keys are one batch. */
export class Verifiers {
  readonly #keys = new Map<string, VerificationKey>();
  readonly #preparing = new Map<string, Promise<void>>();
  #shared: Shared | undefined;
  #changes: Promise<unknown> = Promise.resolve();

  constructor(private readonly circuitsDir: string, private readonly threads: number, private readonly create: VerifierFactory) {}

  /** True when {@link verify} is possible for a statement. */
  isPrepared({ verificationKey }: KeyInForce): boolean {
    return this.#keys.has(verificationKey);
  }

  /**
   * Makes {@link verify} possible for a statement.
   * @throws AtsError ATS_CIRCUIT_MISSING when the circuit's key is not there or is another than the set names
   */
  async prepare(statement: KeyInForce): Promise<void> {
    const { verificationKey } = statement;
    if (this.#keys.has(verificationKey)) return;
    let preparing = this.#preparing.get(verificationKey);
    if (preparing === undefined) {
      preparing = this.#inTurn(() => this.#add(statement)).finally(() => this.#preparing.delete(verificationKey));
      this.#preparing.set(verificationKey, preparing);
    }
    await preparing;
  }

  /** Which of the proofs hold, each under the key of its own parameter set; in order. */
  async verifyBatch(proofs: readonly KeyedProof[]): Promise<boolean[]> {
    if (proofs.length === 0) return [];
    for (const { parameters } of proofs) if (!this.isPrepared(parameters)) throw new TypeError(`key ${parameters.verificationKey} was not prepared`);
    const shared = this.#shared!;
    shared.calls++;
    try {
      return await shared.verifier.verifyBatch(proofs.map(({ parameters, job: { proof, publicSignals } }) => ({ circuit: parameters.verificationKey, proof, publicSignals })));
    } finally {
      shared.calls--;
      await this.#retire(shared);
    }
  }

  /** As {@link verifyBatch}, by proof. */
  async verify<P extends KeyedProof>(proofs: readonly P[]): Promise<Map<P, boolean>> {
    const holds = await this.verifyBatch(proofs);
    return new Map(proofs.map((proof, i) => [proof, holds[i]!]));
  }

  /** Ends all threads. Batches under way are rejected. */
  async close(): Promise<void> {
    await this.#inTurn(async () => {
      const shared = this.#shared;
      this.#shared = undefined;
      this.#keys.clear();
      await shared?.verifier.close();
    });
  }

  async #add({ circuit, verificationKey }: KeyInForce): Promise<void> {
    const loaded = loadVerificationKey(circuit, this.circuitsDir);
    if (loaded.verificationKeyHash !== verificationKey) {
      throw new AtsError('ATS_CIRCUIT_MISSING', `${this.circuitsDir} has key ${loaded.verificationKeyHash} for ${circuit}, the parameter set names ${verificationKey}`);
    }
    // Each key goes by its hash: one circuit may have had several.
    const keys = new Map(this.#keys).set(verificationKey, loaded.verificationKey);
    const verifier = await this.create({ circuits: [...keys.keys()], keys: [...keys.values()], threads: this.threads, folder: this.circuitsDir });
    const former = this.#shared;
    this.#shared = { verifier, calls: 0 };
    this.#keys.set(verificationKey, loaded.verificationKey);
    await this.#retire(former);
  }

  async #retire(shared: Shared | undefined): Promise<void> {
    if (shared !== undefined && shared !== this.#shared && shared.calls === 0) await shared.verifier.close();
  }

  /** One change after the other. */
  async #inTurn(change: () => Promise<void>): Promise<void> {
    const turn = this.#changes.then(change);
    this.#changes = turn.catch(() => undefined); // told to whoever asked for it
    await turn;
  }
}
