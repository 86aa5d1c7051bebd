import type { Failure } from './audit-report.js';
import type { RecordCursor } from './record-cursor.js';

/** Leaves that fit nowhere, one after the other, before both are compared place by place. */
const MOST_SUSPECTS = 8;

/**
 * Leaf by leaf against the committed records of audit-log. One entry that was changed, dropped or inserted is one finding, not one for every entry
 * behind it: after a difference, the next leaf tells which it was.
 */
export class TopicComparison {
  #suspect: number | undefined;
  #suspects = 0;
  #ended = false;

  constructor(private readonly cursor: RecordCursor, /** Offset from which on no record was taken. */ public next: bigint) {}

  /** Goes to the record of these bytes: where the topic of a log begins that succeeds another one. False when there is none. */
  async seek(entry: Buffer): Promise<boolean> {
    while (await this.cursor.more()) {
      if (this.cursor.head!.value?.equals(entry) === true) return true;
      this.#take();
    }
    return false;
  }

  /** The findings that this leaf settles; undefined is the common case: the same bytes. */
  compare(leaf: number, entry: Buffer): Failure[] | undefined | Promise<Failure[]> {
    const { head } = this.cursor;
    if (this.#suspect !== undefined || head?.value?.equals(entry) !== true) return this.#differ(leaf, entry);
    this.#take();
    return undefined;
  }

  /** Nothing waits to be told apart: the comparison may be stopped and begun again here. */
  get settled(): boolean { return this.#suspect === undefined; }

  /** After the last leaf. */
  end(): Failure[] {
    if (this.#suspect === undefined) return [];
    const failure = different(this.#suspect, 'the topic has another record here, or none');
    this.#suspect = undefined;
    return [failure];
  }

  async #differ(leaf: number, entry: Buffer): Promise<Failure[]> {
    if (this.#ended) return [];
    if (!(await this.cursor.more(1))) {
      this.#ended = true;
      return [...this.end(), different(leaf, 'the topic has ended')];
    }
    await this.cursor.more(2);
    const isFirst = this.cursor.head?.value?.equals(entry) === true;
    const isSecond = this.cursor.second?.value?.equals(entry) === true;
    if (this.#suspect !== undefined) {
      const suspect = this.#suspect;
      if (isFirst || isSecond) {
        this.#suspect = undefined;
        this.#suspects = 0;
        if (isSecond) this.#take();
        this.#take();
        return [different(suspect, isFirst ? 'the topic has no such record' : 'the topic has another record here')];
      }
      this.#suspect = leaf;
      if (++this.#suspects >= MOST_SUSPECTS) this.#take();
      return [different(suspect, 'the topic has another record here, or none')];
    }
    if (isFirst) {
      this.#take();
      return [];
    }
    if (isSecond) {
      const { offset } = this.#take();
      this.#take();
      return [different(leaf, `the topic's record ${offset}, before this one, is not in the log`, offset)];
    }
    this.#suspect = leaf;
    return [];
  }

  #take() {
    const record = this.cursor.take();
    this.next = record.offset + 1n;
    return record;
  }
}

function different(leaf: number, detail: string, offset: bigint | null = null): Failure {
  return { code: 'ENTRY_NOT_IN_TOPIC', leaf, topic: 'audit-log', partition: 0, offset: offset === null ? null : Number(offset), detail };
}
