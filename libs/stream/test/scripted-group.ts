import { EventEmitter } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { KafkaBatchStrategy, type BatchEvent } from '../src/batch-strategy.js';
import type { KafkaClient } from '../src/client.js';
import type { EachBatchPayload } from '../src/kafkajs.js';
import type { RecordBatch } from '../src/record-batch.js';

const TOPIC = 'in';
const PARTITION = 0;

type Run = { eachBatch(payload: EachBatchPayload): Promise<void> };

/**
 * A strategy and a group's one member, whose client is held in the hand: the test says when the group is joined, is about to be joined again, and what a fetch brings.
 * Fetches go on after what was resolved, or where a seek says; the group's offset is what was committed. Records are named by their offsets.
 */
export class ScriptedGroup {
  readonly strategy: KafkaBatchStrategy;
  /** What was handled, a line a batch: `0 1`. Given up and refused ones too. */
  readonly handled: string[] = [];
  /** Of each commit that the broker took. */
  readonly commits: number[] = [];
  readonly events: BatchEvent[] = [];
  onHandle: (batch: RecordBatch) => Promise<void> = async () => undefined;
  onCommit: () => Promise<void> = async () => undefined;
  onHeartbeat: () => Promise<void> = async () => undefined;
  readonly #consumer = new EventEmitter();
  #run: Run | undefined;
  #position = 0;
  /** Asked for, not yet followed: what was fetched before it is stale. */
  #seek: number | undefined;

  /** @param end of the partition, from 0 */
  constructor(readonly end: number) {
    const consumer = Object.assign(this.#consumer, {
      connect: async () => undefined, subscribe: async () => undefined, disconnect: async () => undefined,
      run: async (run: Run) => { this.#run = run; },
      seek: ({ offset }: { offset: string }) => { this.#seek = Number(offset); },
    });
    const kafka = { brokers: ['scripted'], log: { info: () => undefined, warn: () => undefined }, role: () => ({ consumer: () => consumer }), watched: (client: unknown) => client };
    this.strategy = new KafkaBatchStrategy({
      kafka: kafka as unknown as KafkaClient, groupId: 'group',
      onDeadLetter: () => undefined,
      onFatal: (error) => { throw error; },
      onEvent: (event) => void this.events.push(event),
    });
    this.strategy.addHandler(TOPIC, async (batch: RecordBatch) => {
      this.handled.push(batch.records.map(({ offset }) => offset).join(' '));
      await this.onHandle(batch);
    }, true);
    this.strategy.listen(() => undefined);
  }

  get committed(): number {
    return this.commits.at(-1) ?? 0;
  }

  /** The group is joined, or joined again: fetches begin at its offset. */
  async join(): Promise<void> {
    await this.turns(); // until it runs
    this.#position = this.committed;
    this.#seek = undefined;
    this.#consumer.emit('consumer.group_join', { payload: { memberId: 'member', memberAssignment: { [TOPIC]: [PARTITION] } } });
  }

  /** The client has heard that it must join again, and has not yet. */
  rebalance(): void {
    this.#consumer.emit('consumer.rebalancing', {});
  }

  /** Brings the next records; ends when the client may fetch again, with what it must hear. */
  async fetch(count: number): Promise<void> {
    this.#position = this.#seek ?? this.#position;
    this.#seek = undefined;
    const first = this.#position;
    const offsets = Array.from({ length: Math.min(count, this.end - first) }, (_, i) => first + i);
    await this.#run!.eachBatch({
      batch: {
        topic: TOPIC, partition: PARTITION, fetchedOffset: `${first}`, lastOffset: () => `${offsets.at(-1)!}`,
        messages: offsets.map((offset) => ({ offset: `${offset}`, timestamp: '0', key: null, value: Buffer.from(`${offset}`), headers: [] })),
      },
      resolveOffset: (offset: string) => { this.#position = Number(offset) + 1; },
      heartbeat: async () => {
        await this.onHeartbeat();
        this.#consumer.emit('consumer.heartbeat', {});
      },
      commitOffsetsIfNecessary: async ({ topics }: { topics: { partitions: { offset: string }[] }[] }) => {
        await this.onCommit();
        this.commits.push(Number(topics[0]!.partitions[0]!.offset));
      },
      isRunning: () => true,
      isStale: () => this.#seek !== undefined,
    } as unknown as EachBatchPayload);
  }

  /** Lets the work go on as far as it can without time. */
  async turns(): Promise<void> {
    for (let n = 0; n < 20; n++) await turn();
  }
}
