import { setImmediate as turn } from 'node:timers/promises';
import type { KafkaRecord, OutgoingRecord } from '#libs/events';
import { describe } from './failures.js';
import type { GroupBatch } from './group-batch.js';
import { Intake } from './intake.js';
import type { Place, Tenure } from './tenure.js';
import { backoff, pause, within } from './time.js';
import type { Transactor } from './transactor.js';

/** What a caller's function may do while it works on a partition. */
export interface PartitionContext {
  topic: string;
  partition: number;
  /** Aborted when the partition is lost or the process is stopping; whoever waits rejects then. Heartbeats are sent meanwhile. */
  signal: AbortSignal;
  /** A heartbeat that throws when the partition is lost. */
  heartbeat(): Promise<void>;
}

export interface Processed {
  output: OutgoingRecord[];
  /** Called once the output and the input's offset are committed: only now may the state change. Must not throw. */
  committed(): void;
}

export type LaneEvent =
  | { kind: 'opened'; topic: string; partition: number; next: bigint; milliseconds: number }
  | { kind: 'committed'; topic: string; partition: number; records: number; output: number; next: bigint; milliseconds: number }
  | { kind: 'seek'; topic: string; partition: number; from: bigint; to: bigint }
  | { kind: 'reset'; topic: string; partition: number; why: string };

/** One partition under our transactional id, as long as no producer error has put it in doubt. */
export interface Run<State> { transactor: Transactor; state: State; next: bigint }

export interface PartitionLaneParameters<State, Prepared> {
  place: Place;
  /** Input records a transaction. */
  maxRecords: number;
  /** While less than a whole transaction waits, the next begins so long after the last has ended, milliseconds. Default 0. */
  paceMs?: number;
  /** Fences earlier owners, and rebuilds the state. */
  open(tenure: Tenure): Promise<Run<State>>;
  prepare?(state: State, records: readonly KafkaRecord[], context: PartitionContext): Promise<readonly Prepared[]>;
  process(state: State, records: readonly KafkaRecord[], context: PartitionContext, prepared: readonly Prepared[]): Promise<Processed>;
  onEvent(event: LaneEvent): void;
}

/** Longest that one transaction may take before its outcome counts as unknown. */
const TRANSACTION_DEADLINE_MS = 6000;

/** Records that are prepared in one go: other partitions' work comes in between. */
const PIECE_RECORDS = 64;

/** Consecutive records and what their first stage comes to. */
interface Piece<Prepared> {
  readonly records: readonly KafkaRecord[];
  ready: Promise<void>;
  /** Set once ready. */
  prepared: readonly Prepared[] | undefined;
}

/**
 * The work on one partition, in two stages that overlap: records are prepared in pieces while earlier ones are committed; each transaction takes what is
 * prepared by then. So transactions grow with the load, and a record that comes alone waits for nothing. Both stages are bounded, and so is the intake in
 * front of them; a full intake pauses the partition's fetches.
 */
export class PartitionLane<State, Prepared> {
  readonly #options: PartitionLaneParameters<State, Prepared>;
  readonly #intake = new Intake();
  #tenure: Tenure | undefined;
  #context: PartitionContext | undefined;
  #run: Run<State> | undefined;
  #aligned = false;
  #paused = false;
  #pieces: Piece<Prepared>[] = [];
  #ahead = 0;
  #filling = false;
  #filled = Promise.resolve();
  #working = false;
  #committing: Promise<void> | undefined;
  /** A transaction of the run has failed, or its outcome is unknown. */
  #doubtful = false;
  #failures = 0;
  /** When the last transaction ended. */
  #ended = -Infinity;

  constructor(options: PartitionLaneParameters<State, Prepared>) {
    this.#options = options;
  }

  get next(): bigint | undefined {
    return this.#run?.next;
  }

  /** Records fetched, not yet begun; and records begun, not yet committed. */
  get load(): { queued: number; ahead: number } {
    return { queued: this.#intake.size, ahead: this.#ahead };
  }

  /** The partition is ours, or ours again: fetches begin at the group's offset. The state is kept, since whoever took over meanwhile has fenced our producer. */
  begin(tenure: Tenure): void {
    this.#tenure = tenure;
    const { place } = this.#options;
    this.#context = { ...place, signal: tenure.signal, heartbeat: () => tenure.heartbeat() };
    this.#forget();
    this.#release(tenure);
  }

  /** The partition is another member's. */
  end(): void {
    this.#tenure = undefined;
    this.#forget();
    this.#drop();
  }

  /** Takes what a fetch brought. Returns at once. */
  accept(batch: GroupBatch): void {
    const { tenure, fetchedOffset } = batch;
    if (tenure !== this.#tenure) return;
    if (tenure.signal.aborted) return this.#hold(tenure);
    const back = this.#intake.offer(batch);
    if (back !== undefined) return this.#seek(tenure, fetchedOffset, back);
    batch.resolve();
    if (this.#intake.full) this.#hold(tenure);
    if (!this.#working) {
      this.#working = true;
      void this.#work();
    } else if (this.#aligned && this.#run !== undefined) {
      this.#fill(tenure, this.#run);
    }
  }

  /** Transaction markers and aborted records alone. */
  hidden(first: bigint, last: bigint): void {
    this.#intake.hidden(first, last);
  }

  /** Resolves when the transaction under way has ended; what is only prepared is abandoned. The tenure's signal must have been aborted. */
  async halted(): Promise<void> {
    if (this.#tenure) this.#hold(this.#tenure);
    await this.#committing?.catch(() => undefined); // told to its step
  }

  async #work(): Promise<void> {
    for (;;) {
      const tenure = this.#tenure;
      if (tenure === undefined || tenure.signal.aborted || (this.#intake.size === 0 && this.#pieces.length === 0)) break;
      try {
        await this.#advance(tenure);
      } catch (error) {
        await this.#recover(tenure, error);
      }
    }
    // In the same turn as the last look: what comes after it begins the work anew.
    this.#working = false;
  }

  /** Opens the partition where it is not open, and works until nothing is left. */
  async #advance(tenure: Tenure): Promise<void> {
    const run = this.#run ?? (await this.#open(tenure));
    if (this.#tenure !== tenure || this.#run !== run) return;
    if (!this.#aligned) {
      this.#aligned = true;
      const from = this.#intake.start;
      const back = this.#intake.align(run.next);
      if (back !== undefined) this.#seek(tenure, from!, back);
    }
    while (this.#isCurrent(tenure, run)) {
      this.#fill(tenure, run);
      if (this.#pieces.length > 0) await this.#step(tenure, run);
      else if (this.#filling) await this.#filled;
      else return;
    }
  }

  async #open(tenure: Tenure): Promise<Run<State>> {
    const began = Date.now();
    const { open, place, onEvent } = this.#options;
    const run = await open(tenure);
    if (this.#tenure !== tenure) {
      run.transactor.close();
      throw new Error('the partition was lost while its state was rebuilt');
    }
    this.#run = run;
    onEvent({ kind: 'opened', ...place, next: run.next, milliseconds: Date.now() - began });
    return run;
  }

  /** Begins the first stage of what has come, as far as its bound allows. */
  #fill(tenure: Tenure, run: Run<State>): void {
    if (this.#filling) return;
    this.#filling = true;
    this.#filled = this.#fillUp(tenure, run);
  }

  async #fillUp(tenure: Tenure, run: Run<State>): Promise<void> {
    const { maxRecords, prepare } = this.#options;
    // Without a first stage nothing is gained by being ahead.
    const bound = prepare ? 2 * maxRecords : 1;
    while (this.#isCurrent(tenure, run) && this.#ahead < bound && this.#intake.size > 0) {
      const piece = this.#begin(run, this.#intake.take(prepare ? Math.min(PIECE_RECORDS, maxRecords) : maxRecords));
      this.#pieces.push(piece);
      this.#ahead += piece.records.length;
      if (this.#paused && this.#intake.low) this.#release(tenure);
      await turn();
    }
    this.#filling = false;
  }

  #begin(run: Run<State>, records: readonly KafkaRecord[]): Piece<Prepared> {
    const context = this.#context!;
    const prepare = async () => { piece.prepared = (await this.#options.prepare?.(run.state, records, context)) ?? []; };
    const piece: Piece<Prepared> = { records, prepared: undefined, ready: Promise.resolve() };
    piece.ready = prepare();
    piece.ready.catch(() => undefined); // told to whoever waits for it, if anybody still does
    return piece;
  }

  /** The second stage of all that is prepared, in one transaction. */
  async #step(tenure: Tenure, run: Run<State>): Promise<void> {
    const { place, process, onEvent } = this.#options;
    await this.#pace(tenure);
    if (!this.#isCurrent(tenure, run)) return;
    await this.#pieces[0]!.ready;
    if (!this.#isCurrent(tenure, run)) return;
    const pieces = this.#readyPieces();
    const records = pieces.flatMap((piece) => piece.records);
    const { output, committed } = await process(run.state, records, this.#context!, pieces.flatMap((piece) => piece.prepared!));
    if (!this.#isCurrent(tenure, run)) return;
    const began = Date.now();
    const next = records.at(-1)!.offset + 1n;
    try {
      this.#committing = within(TRANSACTION_DEADLINE_MS, 'transaction', run.transactor.commit(output, { ...place, next }));
      await this.#committing;
    } catch (error) {
      // Abort, fence, unknown outcome of a commit: all the same.
      this.#doubtful = true;
      throw error;
    } finally {
      this.#committing = undefined;
      this.#ended = performance.now();
    }
    committed();
    run.next = next;
    this.#failures = 0;
    if (this.#pieces[0] === pieces[0]) {
      this.#pieces.splice(0, pieces.length);
      this.#ahead -= records.length;
    }
    onEvent({ kind: 'committed', ...place, records: records.length, output: output.length, next, milliseconds: Date.now() - began });
  }

  /** A transaction costs broker and gate much the same whatever is in it. One that comes alone waits for nothing, since none was before it. */
  async #pace(tenure: Tenure): Promise<void> {
    const { maxRecords, paceMs = 0 } = this.#options;
    const early = this.#ended + paceMs - performance.now();
    if (early > 0 && this.#ahead < maxRecords) await pause(early, tenure.signal);
  }

  /** As many as a transaction takes: fewer after failures, which may have come of its time-out. */
  #readyPieces(): Piece<Prepared>[] {
    const most = this.#options.maxRecords >> Math.min(this.#failures, 4);
    let records = 0;
    const end = this.#pieces.findIndex((piece) => piece.prepared === undefined || (records += piece.records.length) > most);
    return this.#pieces.slice(0, end === -1 ? undefined : Math.max(1, end));
  }

  /** Nothing was committed, as far as we know: the records come again. Who has merely lost the partition, or is stopping, keeps the state. */
  async #recover(tenure: Tenure, error: unknown): Promise<void> {
    const { place, onEvent } = this.#options;
    const from = this.#run?.next ?? this.#intake.start;
    if (this.#doubtful || !tenure.signal.aborted) this.#drop();
    if (tenure !== this.#tenure) return;
    this.#forget();
    if (tenure.signal.aborted) return;
    onEvent({ kind: 'reset', ...place, why: describe(error) });
    if (from !== undefined) tenure.seek(place, from);
    this.#release(tenure);
    await pause(backoff(this.#failures++, 100, 5000), tenure.signal);
  }

  #isCurrent(tenure: Tenure, run: Run<State>): boolean {
    return this.#tenure === tenure && this.#run === run && !tenure.signal.aborted;
  }

  #seek(tenure: Tenure, from: bigint, to: bigint): void {
    const { place, onEvent } = this.#options;
    onEvent({ kind: 'seek', ...place, from, to });
    tenure.seek(place, to);
  }

  #hold(tenure: Tenure): void {
    if (this.#paused) return;
    this.#paused = true;
    tenure.pause(this.#options.place);
  }

  #release(tenure: Tenure): void {
    this.#paused = false;
    tenure.resume(this.#options.place);
  }

  /** Whatever error of a producer it was: a successor's init decides what it left open. */
  #drop(): void {
    this.#run?.transactor.close();
    this.#run = undefined;
    this.#doubtful = false;
  }

  #forget(): void {
    this.#intake.clear();
    this.#pieces = [];
    this.#ahead = 0;
    this.#aligned = false;
  }
}
