import { AtsError, isAtsError } from '#libs/errors';
import { addSignatures, consistencyProof, WitnessClient, type NoteKey, type NoteSignature, type Policy, type PolicyWitness, type TileSource, type TreeHead } from '#libs/log';
import type { Cosigned, Cosigner } from './publisher.js';

/** A witness that failed is asked again after a pause that doubles between these bounds: one that is away slows down no checkpoint but the first. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;

interface Asked {
  readonly name: string;
  readonly client: Pick<WitnessClient, 'cosign'>;
  pauseMs: number;
  askAgainAt: number;
  /** Of its last failure; undefined while it cosigns. */
  why: string | undefined;
}

export interface WitnessesParameters {
  policy: Policy;
  tiles: TileSource;
  timeoutMs: number;
  /** For each request that brought no cosignature; `first` when the one before did. */
  onFailure(witness: string, error: AtsError, first: boolean): void;
  /** A cosignature after failures. */
  onBack(witness: string): void;
  /** For tests. */
  clientOf?: (witness: PolicyWitness) => Pick<WitnessClient, 'cosign'>;
}

/** The witnesses of a policy that have a URL, all asked at once for each checkpoint. */
export class Witnesses implements Cosigner {
  readonly #asked: Asked[];

  constructor(private readonly parameters: WitnessesParameters) {
    const { policy, timeoutMs } = parameters;
    const clientOf = parameters.clientOf ?? (({ url, verifier }) => new WitnessClient({ url: url!, verifiers: [verifier], timeoutMs }));
    this.#asked = policy.witnesses.filter(({ url }) => url !== undefined)
      .map((witness) => ({ name: witness.name, client: clientOf(witness), pauseMs: FIRST_PAUSE_MS, askAgainAt: 0, why: undefined }));
  }

  async cosign(note: Buffer, { size }: TreeHead, signal: AbortSignal): Promise<Cosigned> {
    const came = await Promise.all(this.#asked.map((witness) => this.#ask(witness, note, size, signal)));
    const signatures = came.flat();
    const missing = this.#asked.filter((_, i) => came[i]!.length === 0).map(({ name, why }) => `${name} (${why})`);
    return { note: signatures.length > 0 ? addSignatures(note, signatures) : note, quorum: this.parameters.policy.satisfied(signatures satisfies NoteKey[]), missing };
  }

  async #ask(witness: Asked, note: Buffer, size: number, signal: AbortSignal): Promise<NoteSignature[]> {
    if (Date.now() < witness.askAgainAt) return [];
    try {
      const signatures = await witness.client.cosign(note, (from) => consistencyProof(from, size, this.parameters.tiles), signal);
      witness.pauseMs = FIRST_PAUSE_MS;
      if (witness.why !== undefined) this.parameters.onBack(witness.name);
      witness.why = undefined;
      return signatures;
    } catch (error) {
      if (signal.aborted) return [];
      if (!isAtsError(error)) throw error;
      witness.askAgainAt = Date.now() + witness.pauseMs;
      witness.pauseMs = Math.min(2 * witness.pauseMs, LONGEST_PAUSE_MS);
      const first = witness.why === undefined;
      witness.why = error.message;
      this.parameters.onFailure(witness.name, error, first);
      return [];
    }
  }
}
