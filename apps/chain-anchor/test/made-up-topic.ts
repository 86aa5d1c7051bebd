import { LogStore } from '#libs/log';
import { AtsError } from '#libs/errors';
import type { KafkaRecord } from '#libs/events';
import type { AuditTopic } from '../src/audit-topic.js';
import type { Leaf } from '../src/entry-check.js';

export const entry = (i: number, version = 0): Buffer => Buffer.from(`entry ${i} of version ${version}`);

/** A topic with a record at every second offset, as transactions of one record have it; `foreign` offsets are no audit entries. */
export class MadeUpTopic {
  records: { offset: bigint; value: Buffer }[] = [];
  foreign = new Set<bigint>();
  dropped = 0n;
  unreachable = false;

  constructor(count = 0) {
    this.add(count);
  }

  add(count: number): void {
    const from = this.records.length;
    for (let i = from; i < from + count; i++) this.records.push({ offset: BigInt(2 * i), value: entry(i) });
  }

  asTopic(): AuditTopic {
    return this as unknown as AuditTopic;
  }

  async begin(): Promise<bigint> {
    this.#answer();
    return this.dropped;
  }

  async end(): Promise<bigint> {
    this.#answer();
    return this.records.length === 0 ? 0n : this.records.at(-1)!.offset + 2n;
  }

  committedEnd = () => this.end();

  async *read(from: bigint, to: bigint): AsyncGenerator<KafkaRecord, void, undefined> {
    this.#answer();
    for (const { offset, value } of this.records) {
      if (offset >= from && offset < to) yield { topic: 'audit-log', partition: 0, offset, timestamp: 0, key: null, value, headers: [] };
    }
  }

  async valueAt(wanted: bigint): Promise<Buffer | undefined> {
    this.#answer();
    return this.records.find(({ offset }) => offset === wanted)?.value;
  }

  async *leaves(from: bigint, to: bigint): AsyncGenerator<Leaf, void, undefined> {
    for await (const { offset, value } of this.read(from, to)) {
      if (this.foreign.has(offset)) throw new AtsError('ATS_LOG_RECORD_FOREIGN', `offset ${offset}`);
      yield { offset, entry: value!, producedAt: 0 };
    }
  }

  async *follow(from: bigint, signal: AbortSignal): AsyncGenerator<Leaf, void, undefined> {
    let next = from;
    while (!signal.aborted) {
      for await (const leaf of this.leaves(next, await this.end())) {
        next = leaf.offset + 1n;
        yield leaf;
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  #answer(): void {
    if (this.unreachable) throw new AtsError('ATS_BROKER_UNREACHABLE', 'the made-up broker');
  }
}

/** A store that holds the first `count` records of a topic. */
export async function storeOf(dir: string, topic: MadeUpTopic, { origin = 'example.com/log', count = topic.records.length, firstEntry }: { origin?: string; count?: number; firstEntry?: Buffer } = {}): Promise<LogStore> {
  await LogStore.create({ dir, origin, ...(firstEntry && { firstEntry }) });
  const store = await LogStore.open({ dir });
  const taken = topic.records.slice(0, count);
  if (count > 0) await store.append(taken.map(({ value }) => value), taken.at(-1)!.offset + 1n);
  return store;
}
