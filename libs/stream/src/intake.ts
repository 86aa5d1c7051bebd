import type { KafkaRecord } from '#libs/events';
import { BATCH_OVERHEAD_BYTES } from './records.js';

/** Past either of these, nothing more of a partition is fetched until half of it has been taken. One fetch may overshoot them. */
const MOST_RECORDS = 2000;
const MOST_BYTES = 1 << 20;

/**
 * Records of one partition between fetch and work: bounded, without gaps, each once. Offsets that no record has (transaction markers, aborted records) move its
 * position like records do, or it would ask for them for ever.
 */
export class Intake {
  #records: KafkaRecord[] = [];
  #taken = 0;
  #bytes = 0;
  /** Where the fetch of the oldest record began. */
  #start: bigint | undefined;
  /** Offset after everything that came; undefined when the next fetch may begin anywhere. */
  #position: bigint | undefined;

  get size(): number {
    return this.#records.length - this.#taken;
  }

  /** Where the oldest fetch in here began. */
  get start(): bigint | undefined {
    return this.#start;
  }

  get full(): boolean {
    return this.size >= MOST_RECORDS || this.#bytes >= MOST_BYTES;
  }

  /** True when there is room for another fetch. */
  get low(): boolean {
    return this.size <= MOST_RECORDS / 2 && this.#bytes <= MOST_BYTES / 2;
  }

  /** Takes what one fetch brought, but for what came before. Returns the offset to fetch instead when it begins beyond the position. */
  offer({ fetchedOffset, records, end }: { fetchedOffset: bigint; records: readonly KafkaRecord[]; end: bigint }): bigint | undefined {
    const position = this.#position;
    if (position !== undefined && fetchedOffset > position) return position;
    this.#start ??= fetchedOffset;
    for (const record of records) {
      if (position !== undefined && record.offset < position) continue;
      this.#records.push(record);
      this.#bytes += bytesOf(record);
    }
    if (position === undefined || end > position) this.#position = end;
    return undefined;
  }

  /** Offsets without records: the position moves past them when they follow on it. */
  hidden(first: bigint, last: bigint): void {
    if (this.#position !== undefined && first <= this.#position && last >= this.#position) this.#position = last + 1n;
  }

  /** Drops what lies below `next`, where the work goes on. Returns the offset to fetch when `next` is not in here; all is dropped then. */
  align(next: bigint): bigint | undefined {
    if (this.#start !== undefined && this.#start > next) {
      this.clear();
      this.#position = next;
      return next;
    }
    while (this.size > 0 && this.#records[this.#taken]!.offset < next) this.take(1);
    if (this.#position === undefined || this.#position < next) this.#position = next;
    return undefined;
  }

  /** The oldest records, so many at most. */
  take(count: number): KafkaRecord[] {
    const records = this.#records.slice(this.#taken, this.#taken + count);
    this.#taken += records.length;
    for (const record of records) this.#bytes -= bytesOf(record);
    // What was taken is let go of, at a cost that is shared by as many records.
    if (this.#taken * 2 >= this.#records.length) {
      this.#records = this.#records.slice(this.#taken);
      this.#taken = 0;
    }
    return records;
  }

  /** Forgets everything, the position too. */
  clear(): void {
    this.#records = [];
    this.#taken = this.#bytes = 0;
    this.#start = this.#position = undefined;
  }
}

function bytesOf({ key, value }: KafkaRecord): number {
  return BATCH_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
}
