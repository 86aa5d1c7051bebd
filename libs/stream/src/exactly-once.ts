import type { AtsError } from '#libs/errors';
import type { KafkaRecord } from '#libs/events';
import { maxBatchBytes, type BatchLimit } from './chunks.js';
import type { KafkaClient } from './client.js';
import { describe } from './failures.js';
import { GroupConsumer } from './group-consumer.js';
import { LogReader } from './log-reader.js';
import { PartitionLane, type LaneEvent, type PartitionContext, type Processed, type Run } from './partition-lane.js';
import type { Place, Tenure } from './tenure.js';
import { openTransactor } from './transactor.js';
import { within } from './time.js';

export type { PartitionContext, Processed } from './partition-lane.js';

export interface ExactlyOnceProcessorParameters<State, Prepared = undefined> {
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
  /**
   * A first stage, which overlaps with the second of earlier records: what the records come to as far as no earlier verdict decides it, one result a record.
   * It is begun in offset order, but the state may be older than the records before these: what it concludes from the state must hold for every later one too.
   * It must leave the state as it is; what it throws brings the records again.
   */
  prepare?(state: State, records: readonly KafkaRecord[], context: PartitionContext): Promise<readonly Prepared[]>;
  /**
   * What the records come to, with the state after all records before them. Must leave the state as it is until {@link Processed.committed}. What it throws
   * brings the records again, after a pause and with a new state. `prepared` has what {@link prepare} made of each record; without a prepare it is empty.
   */
  process(state: State, records: readonly KafkaRecord[], context: PartitionContext, prepared: readonly Prepared[]): Promise<Processed>;
  /** The consumer has ended for good: the process must be started again. */
  onFatal(error: AtsError): void;
  onEvent?(event: ProcessorEvent): void;
}

export type ProcessorEvent = { kind: 'joined'; partitions: { topic: string; partition: number }[] } | LaneEvent;

export interface ProcessorStatus {
  joined: boolean;
  memberId: string | undefined;
  /**
   * Assigned partitions. `next` is the input offset to go on from, once the partition's state is open; `queued` counts records that were fetched and not begun,
   * `ahead` those that were begun and not committed.
   */
  partitions: { topic: string; partition: number; next: bigint | undefined; queued: number; ahead: number }[];
  fatal: AtsError | undefined;
}

/** How long a stop waits for transactions under way, and then for the group; milliseconds. What has not ended by then is aborted by its time-out, or by the next init. */
const DRAIN_MS = 2500;
const LEAVE_MS = 1000;

/** Under a steady load, what comes within this time is fetched together, milliseconds: requests cost broker and gate the more, the fewer records they carry. */
const FETCH_PACE_MS = 20;

/** And what comes within this time after a partition's transaction is committed together. */
const TRANSACTION_PACE_MS = 20;

/**
 * Reads topics, writes others, and commits both in one transaction for each piece of input: every input record has its output exactly once, whatever dies, freezes
 * or comes back when. docs/streaming.md says why each step stands where it does; the steps were found by breaking it.
 */
export class ExactlyOnceProcessor<State, Prepared = undefined> {
  readonly #options: ExactlyOnceProcessorParameters<State, Prepared>;
  readonly #consumer: GroupConsumer;
  readonly #reader: LogReader;
  readonly #lanes = new Map<string, PartitionLane<State, Prepared>>();
  #assigned: Place[] = [];
  #memberId: string | undefined;
  #fatal: AtsError | undefined;

  constructor(options: ExactlyOnceProcessorParameters<State, Prepared>) {
    const { kafka, groupId, topics, memberFile } = options;
    this.#options = options;
    this.#reader = new LogReader(kafka);
    this.#consumer = new GroupConsumer({
      kafka, groupId, topics, paceMs: FETCH_PACE_MS, ...(memberFile !== undefined && { memberFile }),
      onBatch: async (batch) => this.#lanes.get(nameOf(batch))?.accept(batch),
      onHidden: (topic, partition, first, last) => this.#lanes.get(nameOf({ topic, partition }))?.hidden(first, last),
      onJoin: (assignment, memberId, tenure) => this.#onJoin(assignment, memberId, tenure),
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

  /** Completes transactions under way, leaves the group, closes everything: in less than 5 s, also while a broker is away. */
  async stop(): Promise<void> {
    const { kafka, groupId } = this.#options;
    const lanes = [...this.#lanes.values()];
    this.#consumer.halt();
    try {
      // Heartbeats go on meanwhile: nobody else is given a partition of which a transaction is open.
      await within(DRAIN_MS, 'transactions under way', Promise.all(lanes.map((lane) => lane.halted())));
    } catch (error) {
      kafka.log.warn(`group ${groupId} is left with a transaction open, which the broker will abort: ${describe(error)}`);
    }
    const left = this.#consumer.stop(LEAVE_MS).catch((error: unknown) => kafka.log.warn(`group ${groupId} was not told that this member leaves: ${describe(error)}`));
    for (const lane of lanes) lane.end();
    await Promise.all([left, this.#reader.close()]);
  }

  status(): ProcessorStatus {
    return {
      joined: this.#memberId !== undefined,
      memberId: this.#memberId,
      partitions: this.#assigned.map((place) => {
        const lane = this.#lanes.get(nameOf(place))!;
        return { ...place, next: lane.next, ...lane.load };
      }),
      fatal: this.#fatal,
    };
  }

  #onJoin(assignment: ReadonlyMap<string, readonly number[]>, memberId: string, tenure: Tenure): void {
    this.#memberId = memberId;
    this.#assigned = [...assignment].flatMap(([topic, partitions]) => partitions.map((partition) => ({ topic, partition })));
    const mine = new Set(this.#assigned.map(nameOf));
    for (const [name, lane] of this.#lanes) if (!mine.has(name)) lane.end();
    for (const place of this.#assigned) {
      const name = nameOf(place);
      if (!this.#lanes.has(name)) this.#lanes.set(name, this.#newLane(place));
      this.#lanes.get(name)!.begin(tenure);
    }
    this.#emit({ kind: 'joined', partitions: this.#assigned });
  }

  #newLane(place: Place): PartitionLane<State, Prepared> {
    const { maxRecords = 500, prepare, process } = this.#options;
    return new PartitionLane<State, Prepared>({
      place, maxRecords, process, paceMs: TRANSACTION_PACE_MS,
      ...(prepare && { prepare }),
      open: (tenure) => this.#open(place, tenure),
      onEvent: (event) => this.#emit(event),
    });
  }

  async #open({ topic, partition }: Place, tenure: Tenure): Promise<Run<State>> {
    const { kafka, groupId, transactionalIdPrefix, limitOf = maxBatchBytes, open, openDeadlineMs = 120_000 } = this.#options;
    // A zombie learns here that it is one, before it fences its successor.
    await tenure.heartbeat();
    const transactor = await openTransactor({ kafka, groupId, transactionalId: `${transactionalIdPrefix}-${topic}-${partition}`, limitOf });
    try {
      await tenure.heartbeat();
      const next = await transactor.committed(this.#reader, topic, partition);
      const context = { topic, partition, signal: tenure.signal, heartbeat: () => tenure.heartbeat(), reader: this.#reader, next };
      const state = await within(openDeadlineMs, `state of ${topic}[${partition}]`, open(context));
      await tenure.heartbeat();
      return { transactor, state, next };
    } catch (error) {
      transactor.close();
      throw error;
    }
  }

  #emit(event: ProcessorEvent): void {
    this.#options.onEvent?.(event);
  }
}

function nameOf({ topic, partition }: Place): string {
  return `${topic}/${partition}`;
}
