import type { KafkaRecord } from '#libs/events';
import type { FetchedMessage } from './hide-aborted.js';
import type { EachBatchPayload } from './kafkajs.js';
import { toKafkaRecord } from './records.js';
import type { Tenure } from './tenure.js';

/** Committed records of one partition as one fetch brought them, while the group says that they are ours. */
export class GroupBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly KafkaRecord[];
  /** Where the fetch began. */
  readonly fetchedOffset: bigint;
  /** Offset after the last record, trailing markers and aborted records included. */
  readonly end: bigint;
  /** What the group's protocol answered to a heartbeat or commit: the member must join again. */
  groupError: unknown;
  /** The membership that brought it. */
  readonly tenure: Tenure;
  readonly #payload: EachBatchPayload;
  readonly #sameGeneration: () => boolean;
  readonly #stop: AbortSignal;
  #signal: AbortSignal | undefined;
  readonly #lost = new AbortController();

  constructor(payload: EachBatchPayload, tenure: Tenure, sameGeneration: () => boolean, stop: AbortSignal) {
    const { batch } = payload;
    this.topic = batch.topic;
    this.partition = batch.partition;
    this.records = batch.messages.map((message) => toKafkaRecord(batch.topic, batch.partition, message as unknown as FetchedMessage));
    this.fetchedOffset = BigInt((batch as unknown as { fetchedOffset: string }).fetchedOffset);
    this.end = BigInt(batch.lastOffset()) + 1n;
    this.tenure = tenure;
    this.#stop = stop;
    this.#payload = payload;
    this.#sameGeneration = sameGeneration;
  }

  /** Aborted when the partition may be another member's by now, or when the process is stopping: whoever waits stops waiting. */
  get signal(): AbortSignal {
    return (this.#signal ??= AbortSignal.any([this.#stop, this.#lost.signal]));
  }

  /** False once the batch is no longer to be handled: the group was joined again, the position was moved, a heartbeat failed, or the consumer is stopping. */
  current(): boolean {
    return this.owned() && this.#payload.isRunning();
  }

  /** False once another member may have the partition. What was begun while stopping may still be completed. */
  owned(): boolean {
    return this.#sameGeneration() && !this.#payload.isStale() && !this.#lost.signal.aborted;
  }

  /** Sends a heartbeat when one is due. Throws what the group answers when this member must join again. */
  async heartbeat(): Promise<void> {
    await this.#ofGroup(() => this.#payload.heartbeat());
  }

  /** A heartbeat whose failure shows in {@link signal} and {@link groupError} alone. */
  beat(): void {
    void this.heartbeat().catch(() => undefined);
  }

  /** Goes on after this batch. Without it, the batch comes again. */
  resolve(): void {
    if (this.owned()) this.#payload.resolveOffset((this.end - 1n).toString());
  }

  /** Commits {@link end} as the group's offset, outside of any transaction. */
  async commit(): Promise<void> {
    const partitions = [{ partition: this.partition, offset: this.end.toString() }];
    await this.#ofGroup(() => this.#payload.commitOffsetsIfNecessary({ topics: [{ topic: this.topic, partitions }] }));
  }

  async #ofGroup(request: () => Promise<void>): Promise<void> {
    try {
      await request();
    } catch (error) {
      this.groupError ??= error;
      this.#lost.abort(error);
      throw error;
    }
  }
}
