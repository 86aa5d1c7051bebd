import { leafHash, type LogStore, type TreeHead } from '#libs/log';
import type { AuditTopic } from './audit-topic.js';
import { batches } from './batches.js';
import { compareLog, type Newest } from './comparison.js';
import type { Leaf } from './entry-check.js';

/** A head of the log with the newest record under it. */
export interface RecordedHead extends TreeHead {
  readonly newest: Newest | undefined;
}

export interface RecorderParameters {
  store: LogStore;
  topic: AuditTopic;
  /** Entries that one write to the disk takes at most. */
  batchEntries: number;
  /** Repeats a write while the disk has no room. */
  persist<T>(write: () => Promise<T>, signal: AbortSignal): Promise<T>;
  onCompared(compared: number, size: number): void;
  onAppended(leaves: readonly Leaf[], firstIndex: number, seconds: number): void;
}

/** Brings the topic's records into the store, in order, each once. What it has compared or appended itself may be signed. */
export class Recorder {
  #head: RecordedHead | undefined;

  constructor(private readonly parameters: RecorderParameters) {}

  /** The newest head that agrees with the topic; undefined before the comparison, and from the moment it is begun again. */
  get head(): RecordedHead | undefined {
    return this.#head;
  }

  /** Takes back the leave to sign. */
  forget(): void {
    this.#head = undefined;
  }

  /** Compares the log with the topic, then takes in what is committed by now. @throws AtsError as compareLog and AuditTopic.leaves do */
  async catchUp(signal: AbortSignal): Promise<void> {
    const { store, topic, onCompared } = this.parameters;
    this.forget();
    const newest = await compareLog({ store, topic, signal, onProgress: onCompared });
    this.#head = { ...store.head, newest };
    const end = await topic.committedEnd();
    // An offset beyond the end is the follower's to find: it may be an open transaction's.
    if (end > store.nextOffset) await this.#take(topic.leaves(store.nextOffset, end), signal);
  }

  /** Takes in what comes, until the signal is aborted. @throws AtsError as AuditTopic.follow does */
  async follow(signal: AbortSignal): Promise<void> {
    await this.#take(this.parameters.topic.follow(this.parameters.store.nextOffset, signal), signal);
  }

  async #take(leaves: AsyncIterable<Leaf>, signal: AbortSignal): Promise<void> {
    const { store, batchEntries, persist, onAppended } = this.parameters;
    for await (const batch of batches(leaves, batchEntries)) {
      if (signal.aborted) return;
      const begin = performance.now();
      const { size } = store.head;
      const last = batch.at(-1)!;
      const head = await persist(() => store.append(batch.map(({ entry }) => entry), last.offset + 1n), signal);
      this.#head = { ...head, newest: { offset: last.offset, leafHash: leafHash(last.entry) } };
      onAppended(batch, size, (performance.now() - begin) / 1_000);
    }
  }
}
