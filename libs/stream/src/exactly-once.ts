import type { AtsError } from '#libs/errors';
import type { KafkaRecord, OutgoingRecord } from '#libs/events';
import { maxBatchBytes, type BatchLimit } from './chunks.js';
import type { KafkaClient } from './client.js';
import { describe } from './failures.js';
import type { GroupBatch } from './group-batch.js';
import { GroupConsumer } from './group-consumer.js';
import { LogReader } from './log-reader.js';
import { openTransactor, type Transactor } from './transactor.js';
import { backoff, pause, within } from './time.js';

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

export interface ExactlyOnceProcessorParameters<State> {
  kafka: KafkaClient;
  groupId: string;
  topics: readonly string[];
  /** The transactional id of an input partition is PREFIX-TOPIC-PARTITION. It must stay the same for ever and belong to this group alone. */
  transactionalIdPrefix: string;
  /** Input records a transaction. Default 500. */
  maxRecords?: number;
  /** See GroupConsumerParameters. */
  memberFile?: string;
  /** Largest record batch of an output topic. Default: as libs/events defines the project's topics. */
  limitOf?: BatchLimit;
  /** How long `open` may take, milliseconds. Default 120 s. */
  openDeadlineMs?: number;
  /**
   * Rebuilds the state from what earlier runs committed, reading its output up to the high watermark (`reader.readAll`), never to a last stable offset.
   * No other run can commit any more, and nothing is pending. `next` is the input offset to go on from.
   */
  open(partition: PartitionContext & { reader: LogReader; next: bigint }): Promise<State>;
  /** What the records come to. Must leave the state as it is until {@link Processed.committed}. What it throws brings the records again, after a pause and with a new state. */
  process(state: State, records: readonly KafkaRecord[], context: PartitionContext): Promise<Processed>;
  /** The consumer has ended for good: the process must be started again. */
  onFatal(error: AtsError): void;
  onEvent?(event: ProcessorEvent): void;
}

export type ProcessorEvent =
  | { kind: 'joined'; partitions: { topic: string; partition: number }[] }
  | { kind: 'opened'; topic: string; partition: number; next: bigint; milliseconds: number }
  | { kind: 'committed'; topic: string; partition: number; records: number; output: number; next: bigint; milliseconds: number }
  | { kind: 'seek'; topic: string; partition: number; from: bigint; to: bigint }
  | { kind: 'reset'; topic: string; partition: number; why: string };

export interface ProcessorStatus {
  joined: boolean;
  memberId: string | undefined;
  /** Assigned partitions; `next` is the input offset to go on from, once the partition's state is open. */
  partitions: { topic: string; partition: number; next: bigint | undefined }[];
  fatal: AtsError | undefined;
}

/** One partition under our transactional id, as long as no producer error has put it in doubt. */
interface Run<State> { transactor: Transactor; state: State; next: bigint }

/** Longest that one transaction may take before its outcome counts as unknown. */
const TRANSACTION_DEADLINE_MS = 6000;

/**
 * Reads topics, writes others, and commits both in one transaction for each piece of input: every input record has its output exactly once, whatever dies, freezes
 * or comes back when. docs/streaming.md says why each step stands where it does; the steps were found by breaking it.
 */
export class ExactlyOnceProcessor<State> {
  readonly #options: ExactlyOnceProcessorParameters<State>;
  readonly #consumer: GroupConsumer;
  readonly #reader: LogReader;
  readonly #runs = new Map<string, Run<State>>();
  readonly #failures = new Map<string, number>();
  #assigned: { topic: string; partition: number }[] = [];
  #memberId: string | undefined;
  #fatal: AtsError | undefined;

  constructor(options: ExactlyOnceProcessorParameters<State>) {
    const { kafka, groupId, topics, memberFile } = options;
    this.#options = options;
    this.#reader = new LogReader(kafka);
    this.#consumer = new GroupConsumer({
      kafka, groupId, topics, ...(memberFile !== undefined && { memberFile }),
      onBatch: (batch) => this.#onBatch(batch),
      onHidden: (topic, partition, first, last) => this.#onHidden(topic, partition, first, last),
      onJoin: (assignment, memberId) => this.#onJoin(assignment, memberId),
      onFatal: (error) => {
        this.#fatal = error;
        options.onFatal(error);
      },
    });
  }

  /** Resolves when the group has been joined; waits for a broker that is away. */
  async start(): Promise<void> {
    await this.#consumer.start();
  }

  /** Completes transactions under way, leaves the group, closes everything. */
  async stop(): Promise<void> {
    try {
      await this.#consumer.stop();
    } finally {
      for (const place of this.#runs.keys()) this.#drop(place);
      await this.#reader.close();
    }
  }

  status(): ProcessorStatus {
    return {
      joined: this.#memberId !== undefined,
      memberId: this.#memberId,
      partitions: this.#assigned.map((at) => ({ ...at, next: this.#runs.get(placeOf(at))?.next })),
      fatal: this.#fatal,
    };
  }

  async #onBatch(batch: GroupBatch): Promise<void> {
    const place = placeOf(batch);
    try {
      if (await this.#advance(place, batch)) batch.resolve();
      this.#failures.delete(place);
    } catch (error) {
      // The group's protocol: we join again, and our state is as true as before, since whoever took over has fenced our producer.
      if (batch.groupError === error) return;
      // Abort, fence, unknown outcome of a commit: all the same. Forget everything and resolve nothing: the batch comes again.
      this.#drop(place);
      if (batch.signal.aborted || !batch.owned()) return;
      this.#emit({ kind: 'reset', topic: batch.topic, partition: batch.partition, why: describe(error) });
      const failures = this.#failures.get(place) ?? 0;
      this.#failures.set(place, failures + 1);
      await pause(backoff(failures, 100, 5000), batch.signal);
    }
  }

  /** True when all of the batch is committed. */
  async #advance(place: string, batch: GroupBatch): Promise<boolean> {
    const { topic, partition } = batch;
    const run = this.#runs.get(place) ?? (await this.#open(place, batch));
    if (batch.fetchedOffset > run.next) {
      this.#emit({ kind: 'seek', topic, partition, from: batch.fetchedOffset, to: run.next });
      batch.seek(run.next);
      return false;
    }
    const records = batch.records.filter(({ offset }) => offset >= run.next);
    for (let i = 0; i < records.length; i += this.#maxRecords) {
      if (!batch.current() || this.#runs.get(place) !== run) return false;
      await this.#step(run, records.slice(i, i + this.#maxRecords), batch);
      await batch.heartbeat();
    }
    if (batch.end > run.next) run.next = batch.end;
    return true;
  }

  async #open(place: string, batch: GroupBatch): Promise<Run<State>> {
    const { kafka, groupId, transactionalIdPrefix, limitOf = maxBatchBytes, open, openDeadlineMs = 120_000 } = this.#options;
    const began = Date.now();
    const { topic, partition } = batch;
    // A zombie learns here that it is one, before it fences its successor.
    await batch.heartbeat();
    const transactor = await openTransactor({ kafka, groupId, transactionalId: `${transactionalIdPrefix}-${topic}-${partition}`, limitOf });
    try {
      await batch.heartbeat();
      const next = await transactor.committed(this.#reader, topic, partition);
      const context = { ...contextOf(batch), reader: this.#reader, next };
      const state = await within(openDeadlineMs, `state of ${topic}[${partition}]`, open(context));
      await batch.heartbeat();
      if (!batch.owned()) throw new Error('the partition was lost while its state was rebuilt');
      const run = { transactor, state, next };
      this.#runs.set(place, run);
      this.#emit({ kind: 'opened', topic, partition, next, milliseconds: Date.now() - began });
      return run;
    } catch (error) {
      transactor.close();
      throw error;
    }
  }

  async #step(run: Run<State>, records: readonly KafkaRecord[], batch: GroupBatch): Promise<void> {
    const { topic, partition } = batch;
    const { output, committed } = await this.#options.process(run.state, records, contextOf(batch));
    const began = Date.now();
    const next = records.at(-1)!.offset + 1n;
    await within(TRANSACTION_DEADLINE_MS, 'transaction', run.transactor.commit(output, { topic, partition, next }));
    committed();
    run.next = next;
    this.#emit({ kind: 'committed', topic, partition, records: records.length, output: output.length, next, milliseconds: Date.now() - began });
  }

  /** Transaction markers and aborted records that follow on what we have seen: our position moves past them, or we would seek back to them for ever. */
  #onHidden(topic: string, partition: number, first: bigint, last: bigint): void {
    const run = this.#runs.get(placeOf({ topic, partition }));
    if (run && first <= run.next && last >= run.next) run.next = last + 1n;
  }

  #onJoin(assignment: ReadonlyMap<string, readonly number[]>, memberId: string): void {
    this.#memberId = memberId;
    this.#assigned = [...assignment].flatMap(([topic, partitions]) => partitions.map((partition) => ({ topic, partition })));
    const mine = new Set(this.#assigned.map(placeOf));
    for (const place of this.#runs.keys()) if (!mine.has(place)) this.#drop(place);
    this.#emit({ kind: 'joined', partitions: this.#assigned });
  }

  #drop(place: string): void {
    const run = this.#runs.get(place);
    this.#runs.delete(place);
    run?.transactor.close();
  }

  get #maxRecords(): number {
    return this.#options.maxRecords ?? 500;
  }

  #emit(event: ProcessorEvent): void {
    this.#options.onEvent?.(event);
  }
}

function contextOf(batch: GroupBatch): PartitionContext {
  return { topic: batch.topic, partition: batch.partition, signal: batch.signal, heartbeat: () => batch.heartbeat() };
}

function placeOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}/${partition}`;
}
