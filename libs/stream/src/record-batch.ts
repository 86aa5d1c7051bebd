import { RpcException } from '@nestjs/microservices';
import { isAtsError } from '#libs/errors';
import type { KafkaRecord } from '#libs/events';

/** Where records go that can't be handled, by reason; the batch goes on, and its offsets are committed past them. What it throws makes the batch come again. */
export type DeadLetters = (record: KafkaRecord, reason: string) => void | Promise<void>;

/** Thrown by a handler: this record goes to the dead letters, and the handler is called again with the rest of the batch. */
export class DeadLetter extends RpcException {
  constructor(readonly record: KafkaRecord, readonly reason: string) {
    super(reason);
  }

  /** Nest's exception filter hands on what this returns: the error itself, not its text. */
  override getError(): this {
    return this;
  }
}

/** What an `@EventPattern('topic')` handler of {@link KafkaBatchStrategy} receives: records of one partition, in offset order. */
export class RecordBatch {
  readonly #dead = new Set<KafkaRecord>();

  constructor(
    readonly topic: string,
    readonly partition: number,
    private readonly all: readonly KafkaRecord[],
    /** Aborted when the partition is lost or the process is stopping. */
    readonly signal: AbortSignal,
    private readonly deadLetters: DeadLetters,
    private readonly beat: () => Promise<void>,
  ) {}

  /** The records that are not dead letters. */
  get records(): readonly KafkaRecord[] {
    return this.all.filter((record) => !this.#dead.has(record));
  }

  /** Heartbeats are sent while the handler runs; this one throws when the partition is lost. */
  async heartbeat(): Promise<void> {
    await this.beat();
  }

  /** Puts a record aside for the given reason. */
  async deadLetter(record: KafkaRecord, reason: string): Promise<void> {
    if (this.#dead.has(record)) return;
    await this.deadLetters(record, reason);
    this.#dead.add(record);
  }

  /** The records decoded, in order. One whose decoding throws an AtsError becomes a dead letter with that error's code. */
  async decode<T>(decode: (record: KafkaRecord) => T): Promise<{ record: KafkaRecord; event: T }[]> {
    const events: { record: KafkaRecord; event: T }[] = [];
    for (const record of this.records) {
      try {
        events.push({ record, event: decode(record) });
      } catch (error) {
        if (!isAtsError(error)) throw error;
        await this.deadLetter(record, error.code);
      }
    }
    return events;
  }
}
