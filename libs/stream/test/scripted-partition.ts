import { setImmediate as turn } from 'node:timers/promises';
import { jest } from '@jest/globals';
import type { KafkaRecord } from '#libs/events';
import type { GroupBatch } from '../src/group-batch.js';
import type { Consumer } from '../src/kafkajs.js';
import { PartitionLane, type LaneEvent, type Processed, type Run } from '../src/partition-lane.js';
import { Tenure } from '../src/tenure.js';

export interface State { seen: number }

const place = { topic: 'in', partition: 0 };

/**
 * A lane and all that it has to do with, held in the hand: the log as the broker has it, the consumer's position, and a hook for each step of the work. Notes each
 * promise that the lane breaks: records in order and with what was prepared of them, the state that has seen all before them and moves after the commit alone.
 */
export class ScriptedPartition {
  readonly lane: PartitionLane<State, string>;
  readonly events: LaneEvent[] = [];
  /** What the consumer was asked for. */
  readonly asked: string[] = [];
  readonly broken: string[] = [];
  /** Offsets whose output is in the log, and the group's offset. */
  readonly output: bigint[] = [];
  committed = 0n;
  /** Of each transaction that was begun. */
  readonly transactions: { records: number; next: bigint }[] = [];
  readonly prepared: bigint[] = [];
  processed = 0;
  /** Producers. */
  opened = 0;
  closed = 0;
  position = 0n;
  paused = false;
  readonly stopping = new AbortController();

  onOpen!: () => Promise<void>;
  onPrepare!: (records: readonly KafkaRecord[]) => Promise<void>;
  onProcess!: () => Promise<void>;
  /** `apply` is what the broker does with it; fails where a later producer has fenced this one. */
  onCommit!: (apply: () => void) => Promise<void>;

  tenure: Tenure | undefined;
  #epoch = 0;
  /** Of the producer that was opened last, until it is closed. */
  #state: State | undefined;
  #processing = false;

  /** @param input offsets that have a record */
  constructor(readonly input: readonly bigint[], maxRecords: number, paceMs?: number) {
    this.calm();
    this.lane = new PartitionLane<State, string>({
      place, maxRecords, ...(paceMs !== undefined && { paceMs }),
      open: () => this.#open(),
      prepare: async (state, records) => {
        if (state !== this.#state) this.broken.push(`${records[0]!.offset} prepared with a state that was dropped`);
        this.prepared.push(...records.map(({ offset }) => offset));
        await this.onPrepare(records);
        return records.map(({ offset }) => `${offset}`);
      },
      process: (state, records, _, prepared) => this.#process(state, records, prepared),
      onEvent: (event) => void this.events.push(event),
    });
  }

  /** From now on every step is done at once, and none fails. */
  calm(): void {
    this.onOpen = this.onPrepare = this.onProcess = async () => undefined;
    this.onCommit = async (apply) => apply();
  }

  /** The group is joined, or joined again: what is fetched begins at its offset of this moment. */
  join(): void {
    this.lose();
    this.tenure = new Tenure({
      seek: ({ offset }: { offset: string }) => { this.position = BigInt(offset); this.asked.push(`seek ${offset}`); },
      pause: () => { this.paused = true; this.asked.push('pause'); },
      resume: () => { this.paused = false; },
    } as unknown as Consumer, this.stopping.signal);
    this.position = this.committed;
    this.lane.begin(this.tenure);
  }

  /** The group is no longer ours, or not yet again. */
  lose(): void {
    this.tenure?.end();
  }

  /** One fetch, as the consumer does it. False when it brings nothing. */
  fetch(count: number, tenure = this.tenure!): boolean {
    const offsets = this.input.filter((offset) => offset >= this.position).slice(0, count);
    if (this.paused || offsets.length === 0) return false;
    const end = offsets.at(-1)! + 1n;
    const resolve = () => { if (tenure === this.tenure && tenure.holds) this.position = end; };
    this.lane.accept({ tenure, fetchedOffset: this.position, records: offsets.map(recordAt), end, resolve } as unknown as GroupBatch);
    return true;
  }

  /** Fetches and lets the work go on until nothing moves any more but by time. */
  async drain(count: number): Promise<void> {
    for (let idle = 0, turns = 0; idle < 50; idle++, turns++) {
      if (turns > 20_000) throw new Error('the same is fetched again and again');
      if (this.tenure?.holds && this.fetch(count)) idle = 0;
      await turn();
    }
  }

  /** Lets the work go on with what was fetched. */
  async turns(): Promise<void> {
    for (let n = 0; n < 50; n++) await turn();
  }

  /** As {@link drain}, and lets pauses after failures pass. Needs jest's timers. */
  async goOn(count = 10): Promise<void> {
    for (let round = 0; round < 3; round++) {
      await this.drain(count);
      await jest.advanceTimersByTimeAsync(5000);
    }
    await this.drain(count);
  }

  /** What is wrong unless so many of the input's records have their output, once and in order, and the group's offset is after them. */
  wrong(count = this.input.length): string[] {
    const wanted = this.input.slice(0, count);
    const next = count === 0 ? 0n : wanted.at(-1)! + 1n;
    return [
      ...this.broken,
      ...(this.output.join() === wanted.join() ? [] : [`output is ${this.output.join()}, not ${wanted.join()}`]),
      ...(this.committed === next ? [] : [`the group is at ${this.committed}, not ${next}`]),
    ];
  }

  async #open(): Promise<Run<State>> {
    const epoch = ++this.#epoch;
    await this.onOpen();
    this.opened++;
    const state = this.#state = { seen: this.output.length };
    return {
      next: this.committed, state,
      transactor: {
        committed: async () => this.committed,
        commit: async (output, { next }) => {
          this.transactions.push({ records: output.length, next });
          await this.onCommit(() => {
            if (epoch !== this.#epoch) throw new Error('fenced');
            this.output.push(...output.map(({ value }) => BigInt(value.toString())));
            this.committed = next;
          });
        },
        close: () => {
          this.closed++;
          if (this.#state === state) this.#state = undefined;
        },
      },
    };
  }

  async #process(state: State, records: readonly KafkaRecord[], prepared: readonly string[]): Promise<Processed> {
    this.processed++;
    const first = this.input.indexOf(records[0]!.offset);
    if (this.#processing) this.broken.push(`two at once at ${records[0]!.offset}`);
    if (state.seen !== first) this.broken.push(`${records[0]!.offset} with a state that has seen ${state.seen} records, not ${first}`);
    records.forEach(({ offset }, i) => {
      if (offset !== this.input[first + i]) this.broken.push(`${offset} where ${this.input[first + i]} belongs`);
      if (prepared[i] !== `${offset}`) this.broken.push(`${offset} with what was prepared of ${prepared[i]}`);
    });
    this.#processing = true;
    try {
      await this.onProcess();
    } finally {
      this.#processing = false;
    }
    return {
      output: records.map(({ offset }) => ({ topic: 'out', key: null, value: Buffer.from(`${offset}`), headers: {} })),
      committed: () => {
        if (this.committed <= records.at(-1)!.offset) this.broken.push(`the state moved past ${records.at(-1)!.offset} before the commit`);
        state.seen += records.length;
      },
    };
  }
}

export const offsets = (count: number, from = 0) => Array.from({ length: count }, (_, i) => BigInt(from + i));

/** A promise that its test keeps. */
export function gate(): { promise: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { promise, open: resolve };
}

function recordAt(offset: bigint): KafkaRecord {
  return { ...place, offset, timestamp: 0, key: null, value: Buffer.from(`${offset}`), headers: [] };
}
