import type { KafkaRecord } from '#libs/events';
import type { LogReader } from '#libs/stream';
import type { EntryCheck, Leaf } from './entry-check.js';

const TOPIC = 'audit-log';
const PARTITION = 0;

/** The topic audit-log as the log sees it: committed records alone, in offset order. */
export class AuditTopic {
  constructor(private readonly reader: LogReader, private readonly check: EntryCheck) {}

  /** Offset of the oldest record; the end's when there is none. */
  async begin(): Promise<bigint> {
    return await this.reader.earliest(TOPIC, PARTITION);
  }

  /** Offset after the newest record of any transaction. */
  async end(): Promise<bigint> {
    return await this.reader.highWatermark(TOPIC, PARTITION);
  }

  /** Where committed records end now. */
  async committedEnd(): Promise<bigint> {
    return await this.reader.lastStable(TOPIC, PARTITION);
  }

  /** The bytes in [from, to), whatever they are. @throws AtsError as LogReader.read does */
  read(from: bigint, to: bigint): AsyncGenerator<KafkaRecord, void, undefined> {
    return this.reader.read(TOPIC, PARTITION, from, to);
  }

  /** The value of the record at an offset; undefined when no committed record is there. */
  async valueAt(offset: bigint): Promise<Buffer | undefined> {
    if ((await this.begin()) > offset || (await this.end()) <= offset) return undefined;
    for await (const { value } of this.read(offset, offset + 1n)) return value ?? undefined;
    return undefined;
  }

  /** Leaves of [from, to), checked. @throws AtsError ATS_LOG_RECORD_FOREIGN, and as LogReader.read does */
  async *leaves(from: bigint, to: bigint): AsyncGenerator<Leaf, void, undefined> {
    for await (const record of this.read(from, to)) yield await this.check.leaf(record);
  }

  /** Leaves from an offset on, as they come, checked. @throws AtsError ATS_LOG_RECORD_FOREIGN, and as LogReader.follow does */
  async *follow(from: bigint, signal: AbortSignal): AsyncGenerator<Leaf, void, undefined> {
    for await (const record of this.reader.follow(TOPIC, PARTITION, from, signal)) yield await this.check.leaf(record);
  }
}
