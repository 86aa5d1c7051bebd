import type { KeyedProof } from '#libs/proofs';
import { FairQueue, type Batch } from './fair-queue.js';
import { GoodStanding } from './standing.js';

/** Authors whose standing is remembered: 100 bytes each. */
const MOST_AUTHORS = 100_000;

export interface AuthoredProof extends KeyedProof {
  /** Whom the proof is said to be of: only fairness depends on it. */
  readonly event: { readonly pseudonym: Buffer };
}

export interface VerificationParameters {
  /** Which of the proofs hold, in order; of any circuits and keys. */
  verify(proofs: readonly KeyedProof[]): Promise<boolean[]>;
  /** Batches that are verified at the same time, at most. */
  calls: number;
  /** Proofs of a batch, at most. */
  mostProofs: number;
  /** Proofs that are too few for a whole batch are let in no more often than this, milliseconds: so long one waits for company at most. */
  paceMs: number;
  onBatch?(batch: { proofs: number; failed: number; seconds: number; standing: string }): void;
}

/** Proofs that were asked for together. */
interface Request {
  readonly signal: AbortSignal;
  readonly holds: boolean[];
  left: number;
  resolve(holds: boolean[]): void;
  reject(error: unknown): void;
}

interface Item {
  readonly proof: AuthoredProof;
  readonly author: string;
  readonly request: Request;
  readonly index: number;
}

/**
 * Verifies the proofs of all partitions and circuits in common batches. A proof that comes alone is verified at once. What comes soon after it, or while all
 * verifiers are busy, makes a larger batch: a small one costs most of what a large one does, and under a steady load that time is missing elsewhere.
 */
export class Verification {
  readonly #queue: FairQueue<Item>;
  readonly #standing = new GoodStanding(MOST_AUTHORS);
  #running = 0;
  /** Of the proofs that wait, how many have waited for company long enough. */
  #letIn = 0;
  #letInAt = -Infinity;
  /** Set while a let-in is due: at the end of this turn of the event loop, in which other partitions may have proofs too, or later. */
  #atTurn: NodeJS.Immediate | undefined;
  #atTime: NodeJS.Timeout | undefined;

  constructor(private readonly parameters: VerificationParameters) {
    this.#queue = new FairQueue(parameters.mostProofs);
  }

  /** Proofs that wait for a verifier. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Which of the proofs hold, in order.
   * @param flow where they come from: flows are treated as equals
   * @param signal when it is aborted, nobody needs the answer any more
   * @throws what the verifier throws, which says nothing of the proofs; the signal's reason
   */
  async verify(flow: string, proofs: readonly AuthoredProof[], signal: AbortSignal): Promise<boolean[]> {
    if (proofs.length === 0) return [];
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<boolean[]>();
    const request: Request = { signal, holds: Array<boolean>(proofs.length), left: proofs.length, resolve, reject };
    proofs.forEach((proof, index) => {
      const author = proof.event.pseudonym.toString('latin1');
      this.#queue.push(flow, this.#standing.has(author) ? 'good' : 'suspect', { proof, author, request, index });
    });
    this.#admit();
    return await promise;
  }

  #admit(): void {
    if (this.#atTurn !== undefined) return;
    const { mostProofs, paceMs } = this.parameters;
    const early = this.#letInAt + paceMs - performance.now();
    if (early <= 0 || this.#queue.size - this.#letIn >= mostProofs) this.#atTurn = setImmediate(() => this.#letAllIn());
    else this.#atTime ??= setTimeout(() => this.#letAllIn(), early);
  }

  #letAllIn(): void {
    clearImmediate(this.#atTurn);
    clearTimeout(this.#atTime);
    this.#atTurn = this.#atTime = undefined;
    this.#letIn = this.#queue.size;
    this.#letInAt = performance.now();
    this.#begin();
  }

  #begin(): void {
    while (this.#letIn > 0 && this.#running < this.parameters.calls) {
      const batch = this.#queue.take();
      if (batch === undefined) return;
      this.#letIn = Math.max(0, this.#letIn - batch.items.length);
      void this.#run(batch);
    }
  }

  async #run(batch: Batch<Item>): Promise<void> {
    const items = batch.items.filter(isWanted);
    const began = performance.now();
    let failed = 0;
    this.#running++;
    try {
      const holds = items.length === 0 ? [] : await this.parameters.verify(items.map(({ proof }) => proof));
      items.forEach((item, i) => {
        const held = holds[i]!;
        if (!held) failed++;
        this.#standing.tell(item.author, held);
        answer(item, held);
      });
    } catch (error) {
      for (const { request } of items) request.reject(error);
    }
    this.#running--;
    const milliseconds = performance.now() - began;
    if (items.length > 0) this.parameters.onBatch?.({ proofs: items.length, failed, seconds: milliseconds / 1000, standing: batch.standing });
    this.#queue.settle(batch, { failed, milliseconds });
    this.#begin();
  }
}

/** False, and its request is told so, when nobody needs the answer any more. */
function isWanted({ request }: Item): boolean {
  const { aborted, reason } = request.signal;
  if (aborted) request.reject(reason);
  return !aborted;
}

function answer({ request, index }: Item, held: boolean): void {
  request.holds[index] = held;
  if (--request.left === 0) request.resolve(request.holds);
}
