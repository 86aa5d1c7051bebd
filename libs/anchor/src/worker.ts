import { setTimeout as delay } from 'node:timers/promises';
import { getAddress } from 'ethers';
import { AtsError } from '#libs/errors';
import type { TreeHead } from '#libs/log';
import { asAtsError } from './as-ats-error.js';
import type { Chain } from './chain.js';
import { decide, type SignRequest } from './decide.js';
import { Endpoints } from './endpoints.js';
import type { AnchorEvent } from './events.js';
import { FileJournal, type Journal, type JournalOwner } from './journal.js';
import type { AnchorPolicy } from './policy.js';
import { prepare } from './prepare.js';
import { checkSigned, type TransactionSigner } from './signer.js';
import type { CheckpointSource } from './source.js';
import { EMPTY_STATE, type AnchorState, type Attempt } from './state.js';

export interface AnchorOptions {
  /** One file, this worker's alone; its folder must outlive power cuts. */
  journalFile: string;
  endpoints: readonly string[];
  /** How many endpoints must say the same: a majority when absent. */
  quorum?: number;
  chainId: number;
  /** Address of CheckpointAnchor. */
  contract: string;
  /** keccak256 of the log's origin. */
  logId: Uint8Array;
  /** Its account sends nothing else. */
  signer: TransactionSigner;
  source: CheckpointSource;
  policy: AnchorPolicy;
  onEvent?: (event: AnchorEvent) => void;
  /** Between two looks at the chain. */
  pollMs?: number;
  /** For one answer of an endpoint. */
  timeoutMs?: number;
  /** How long an endpoint that failed is left alone. */
  retryMs?: number;
  /** Ends every request to an endpoint, for a graceful stop: what was asked may have had its effect. */
  signal?: AbortSignal;
}

/** The worker's effects; those of production are made from the options. */
export interface AnchorEffects { journal: Journal; chain: Chain; now(): number }

export interface AnchorStatus {
  /** The newest anchored head: mined, and `finalized` or not yet. `tx`: null when another transaction than ours brought it. */
  anchored: { size: number; root: Buffer; tx: string | null; block: number; finalized: boolean } | null;
  /** What is being anchored. `tx`: its newest attempt. */
  pending: { step: 'PLANNED' | 'SIGNED' | 'SENT' | 'MINED'; size: number; root: Buffer; nonce: number | null; tx: string | null; attempts: number } | null;
  /** Why it does not go on, while it does not. */
  problem: AtsError | null;
}

const POLL_MS = 2_000;

/**
 * Anchors a log's checkpoints, each that it plans exactly once and one after the other. It may be killed at any instant: what it has promised and
 * signed is in the journal before anybody hears of it, and what is final is read from the chain. Two workers must not share a journal or an account.
 */
export class AnchorWorker {
  readonly #options: AnchorOptions;
  readonly #owner: JournalOwner;
  readonly #effects: AnchorEffects;
  #state: AnchorState = EMPTY_STATE;
  #problem: AtsError | null = null;

  /** @throws AtsError ATS_CONFIG_INVALID */
  constructor(options: AnchorOptions, effects: Partial<AnchorEffects> = {}) {
    this.#options = options;
    this.#owner = ownerOf(options);
    this.#effects = {
      journal: effects.journal ?? new FileJournal(options.journalFile, this.#owner),
      chain: effects.chain ?? new Endpoints({
        urls: options.endpoints, quorum: options.quorum, owner: this.#owner, timeoutMs: options.timeoutMs, retryMs: options.retryMs, signal: options.signal,
        onEvent: (event) => { if (!options.signal?.aborted) this.#emit(event); },
      }),
      now: effects.now ?? Date.now,
    };
  }

  /**
   * Works until the signal; whatever stands in its way is said once, waited out and tried again.
   * @throws AtsError ATS_ANCHOR_JOURNAL_DAMAGED, ATS_ANCHOR_JOURNAL_FOREIGN before anything is done
   */
  async run(signal: AbortSignal): Promise<void> {
    this.#state = this.#effects.journal.read();
    if (this.#state.job) this.#emit({ type: 'resumed', job: this.#state.job });
    while (!signal.aborted) {
      if (!(await this.#tick())) await delay(this.#options.pollMs ?? POLL_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  status(): AnchorStatus {
    const { anchored, job } = this.#state;
    const newest = job && job.step !== 'PLANNED' ? job.attempts.at(-1)! : undefined;
    const mined = job?.step === 'MINED' && job.mined.ok ? { ...job.target, tx: job.mined.hash, block: job.mined.block.number, finalized: false } : undefined;
    return {
      anchored: mined ?? (anchored && { ...anchored.head, tx: anchored.tx, block: anchored.block.number, finalized: true }),
      pending: job && { step: job.step, ...job.target, nonce: job.step === 'PLANNED' ? null : job.nonce, tx: newest?.hash ?? null, attempts: job.step === 'PLANNED' ? 0 : job.attempts.length },
      problem: this.#problem,
    };
  }

  /** One look and what follows from it. True when the next should come at once. */
  async #tick(): Promise<boolean> {
    try {
      const before = this.#state;
      // a log that can't be read holds up no anchor that is under way
      const [log, logProblem] = await this.#latest();
      const { problem: chainProblem, ...view } = await this.#effects.chain.observe(questionOf(before));
      const { state, events, send, sign, problem } = decide(before, { ...view, log, nowMs: this.#effects.now() }, this.#options.policy);
      this.#keep(state, events);
      if (send) await this.#send(send);
      if (sign) await this.#sign(sign);
      this.#report(problem ?? chainProblem ?? logProblem ?? null);
      return this.#state !== before;
    } catch (error) {
      if (!this.#options.signal?.aborted) this.#report(asAtsError(error));
      return false;
    }
  }

  async #latest(): Promise<[TreeHead | undefined, AtsError | undefined]> {
    try {
      const head = await this.#options.source.latest();
      // What else the source's object carries must not get into the journal, which is read back by its own fields alone.
      return [head && { size: head.size, root: head.root }, undefined];
    } catch (error) {
      return [undefined, asAtsError(error)];
    }
  }

  /** Durable first: what the journal does not hold has not happened. */
  #keep(state: AnchorState, events: readonly AnchorEvent[]): void {
    if (state === this.#state) return;
    this.#effects.journal.write(state);
    this.#state = state;
    for (const event of events) this.#emit(event);
  }

  async #sign(request: SignRequest): Promise<void> {
    const { job } = this.#state;
    if (!job || job.step === 'MINED') return;
    const { signer, source, policy } = this.#options;
    const { chain } = this.#effects;
    const asked = await prepare(request, job.target, { chain, source, owner: this.#owner, policy });
    const { hash, raw } = checkSigned(await signer.signTransaction(asked), asked, this.#owner.address);
    const attempt: Attempt = { hash, raw, fees: request.fees, atBlock: request.atBlock };
    const attempts = job.step === 'PLANNED' ? [attempt] : [...job.attempts, attempt];
    this.#keep(
      { ...this.#state, job: { step: 'SIGNED', target: job.target, nonce: request.nonce, attempts } },
      [{ type: 'signed', head: job.target, tx: hash, nonce: request.nonce, attempt: attempts.length, fees: request.fees }],
    );
    await this.#send(raw);
  }

  async #send(raw: string): Promise<void> {
    const taken = await this.#effects.chain.send(raw);
    const { job } = this.#state;
    if (!taken || job?.step !== 'SIGNED') return;
    const newest = job.attempts.at(-1)!;
    this.#keep({ ...this.#state, job: { ...job, step: 'SENT' } }, [{ type: 'sent', head: job.target, tx: newest.hash }]);
  }

  /** Said when it begins or becomes another, and when it is gone; the concrete values of the moment are in the status. */
  #report(problem: AtsError | null): void {
    const before = this.#problem;
    this.#problem = problem;
    if (before?.code === problem?.code) return;
    if (problem) this.#emit({ type: 'problem', error: problem });
    else if (before) this.#emit({ type: 'solved', error: before });
  }

  #emit(event: AnchorEvent): void {
    this.#options.onEvent?.(event);
  }
}

function ownerOf({ chainId, contract, logId, signer }: AnchorOptions): JournalOwner {
  if (logId.length !== 32) throw new AtsError('ATS_CONFIG_INVALID', `a log id has 32 bytes, not ${logId.length}`);
  return { chainId, contract: getAddress(contract), logId: `0x${Buffer.from(logId).toString('hex')}`, address: getAddress(signer.address) };
}

function questionOf({ job }: AnchorState): { attempts: readonly string[]; seenAt: number | undefined } {
  return {
    attempts: !job || job.step === 'PLANNED' ? [] : job.attempts.map(({ hash }) => hash),
    seenAt: job?.step === 'MINED' ? job.mined.block.number : undefined,
  };
}
