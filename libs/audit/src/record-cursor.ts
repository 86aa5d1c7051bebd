import type { KafkaRecord } from '#libs/events';

/** What a cursor holds at most, read ahead of what is taken. */
const AHEAD_RECORDS = 256;
const AHEAD_BYTES = 4 << 20;

/** Looks at the records of a partition one after the other, while later ones are being read. Memory: 4 MiB and one record. */
export class RecordCursor {
  #ahead: KafkaRecord[] = [];
  #taken = 0;
  #bytes = 0;
  #ended = false;
  #failure: { error: unknown } | undefined;
  #arrival = Promise.withResolvers<void>();
  #room = Promise.withResolvers<void>();
  #closed = false;
  readonly #reading: Promise<void>;

  constructor(records: AsyncIterable<KafkaRecord>) {
    this.#reading = this.#read(records);
  }

  /** The next record when it is here; undefined when {@link more} has to be asked. */
  get head(): KafkaRecord | undefined { return this.#ahead[this.#taken]; }

  /** The record behind the head, when it is here. */
  get second(): KafkaRecord | undefined { return this.#ahead[this.#taken + 1]; }

  /** Waits for a head (with `count` 2: for a second); false at the end. @throws what the source throws */
  async more(count: 1 | 2 = 1): Promise<boolean> {
    while (this.#ahead.length - this.#taken < count) {
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#ended) return false;
      await this.#arrival.promise;
    }
    return true;
  }

  /** Takes the head. */
  take(): KafkaRecord {
    const record = this.#ahead[this.#taken]!;
    this.#taken++;
    this.#bytes -= record.value?.length ?? 0;
    if (this.#taken === AHEAD_RECORDS / 2 || this.#taken === this.#ahead.length) {
      this.#ahead = this.#ahead.slice(this.#taken);
      this.#taken = 0;
      this.#room.resolve();
    } else if (this.#bytes < AHEAD_BYTES / 2) {
      this.#room.resolve();
    }
    return record;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#room.resolve();
    await this.#reading;
  }

  async #read(records: AsyncIterable<KafkaRecord>): Promise<void> {
    try {
      for await (const record of records) {
        if (this.#closed) return;
        this.#ahead.push(record);
        this.#bytes += record.value?.length ?? 0;
        this.#wake();
        while (!this.#closed && this.#ahead.length > 1 && (this.#ahead.length >= AHEAD_RECORDS || this.#bytes > AHEAD_BYTES)) {
          this.#room = Promise.withResolvers();
          await this.#room.promise;
        }
      }
      this.#ended = true;
    } catch (error) {
      this.#failure = { error };
    } finally {
      this.#wake();
    }
  }

  #wake(): void {
    const arrival = this.#arrival;
    this.#arrival = Promise.withResolvers();
    arrival.resolve();
  }
}
