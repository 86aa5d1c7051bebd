import { readdirSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AtsError } from '#libs/errors';
import { windowFromJson, windowToJson, type SignedWindow } from '#libs/edge';
import type { OutgoingRecord } from '#libs/events';
import { AppendFile, syncFolder, writeDurably, type Damage } from './append-file.js';
import { EpochRanges, type EpochRange } from './epoch-ranges.js';
import { lockFolder, type FolderLock } from './lock.js';
import { recordFromJson, recordToJson } from './record-json.js';
import { Serial } from './serial.js';

/** Room that the finished record of a window takes, rounded up: kept free for each window that has none yet. */
const RECORD_BYTES = 4096;

/** A record that waits for the broker, and what it was proven under: it must be proven again when that no longer holds. */
export interface ProvenRecord { record: OutgoingRecord; root: bigint; parametersHash: string }

/** A window on its way to the broker. Without `proven` it waits for a proof. */
export interface OutboxItem { readonly sequence: number; readonly window: SignedWindow; readonly proven?: ProvenRecord }

export interface OutboxOptions {
  folder: string;
  /** Segments together, bytes. Beyond it no window is taken; what is inside still gets its proof. */
  maxBytes: number;
  /** A segment that has grown to this is closed; one whose items are all done is deleted. */
  segmentBytes?: number;
  /** Told of every damaged record, once it is set aside. */
  onDamage(error: AtsError): void;
}

type Entry =
  | { type: 'begin'; next: number; accepted: Record<string, EpochRange[]> }
  | { type: 'window'; sequence: number; window: Record<string, unknown> }
  | { type: 'proven'; sequence: number; record: Record<string, unknown>; root: string; parametersHash: string }
  | { type: 'done'; sequences: number[] };

/**
 * The agent's durable queue: each window from the moment the sensor hands it over until the broker has its record. One log of entries tells it
 * all, so that a window, its proof and its end can never disagree; every call that returned survives a SIGKILL. Windows leave in the order they came.
 * The readings stand in it until they are sent: files of mode 0600 in a folder of mode 0700.
 */
export class Outbox {
  readonly #items = new Map<number, OutboxItem>();
  readonly #accepted = new Map<string, EpochRanges>();
  readonly #segments: { number: number; file: AppendFile; sequences: Set<number> }[] = [];
  readonly #serial = new Serial();
  #next = 0;

  private constructor(private readonly options: Required<OutboxOptions>, private readonly lock: FolderLock) {}

  /** @throws AtsError ATS_ALREADY_RUNNING while another process has it open. */
  static async open(options: OutboxOptions): Promise<Outbox> {
    await mkdir(options.folder, { recursive: true, mode: 0o700 });
    const outbox = new Outbox({ segmentBytes: 4 << 20, ...options }, await lockFolder(options.folder));
    const numbers = readdirSync(options.folder).flatMap((name) => (/^\d{10}\.log$/.test(name) ? [Number.parseInt(name, 10)] : [])).sort((a, b) => a - b);
    for (const number of numbers) await outbox.#load(number);
    if (outbox.#segments.length === 0) await outbox.#begin(0);
    await outbox.#dropDone();
    return outbox;
  }

  /**
   * Takes a window. A window of a stream and epoch that was taken before is the sensor's repetition, and nothing happens.
   * @throws AtsError ATS_OUTBOX_FULL: the sensor keeps it and offers it again.
   */
  accept(window: SignedWindow): Promise<void> {
    return this.#serial.run(async () => {
      if (this.#accepted.get(window.stream)?.has(window.epoch)) return;
      if (this.bytes + RECORD_BYTES * (1 + this.depth.windows) > this.options.maxBytes) throw new AtsError('ATS_OUTBOX_FULL', `${this.options.folder} holds ${this.bytes} bytes, ${this.#items.size} windows`);
      await this.#append({ type: 'window', sequence: this.#next, window: windowToJson(window) });
    });
  }

  /** Keeps a window's finished record; a later one replaces it. */
  proven(sequence: number, { record, root, parametersHash }: ProvenRecord): Promise<void> {
    return this.#serial.run(async () => {
      if (!this.#items.has(sequence)) return;
      await this.#append({ type: 'proven', sequence, record: recordToJson(record), root: root.toString(), parametersHash });
    });
  }

  /** The broker has these records, or they are given up. */
  done(sequences: readonly number[]): Promise<void> {
    return this.#serial.run(async () => {
      await this.#append({ type: 'done', sequences: [...sequences] });
      await this.#dropDone();
    });
  }

  /** Everything that waits, oldest first. */
  items(): OutboxItem[] { return [...this.#items.values()]; }

  get bytes(): number { return this.#segments.reduce((sum, { file }) => sum + file.bytes, 0); }

  get depth(): { windows: number; records: number } {
    const records = this.items().filter(({ proven }) => proven).length;
    return { windows: this.#items.size - records, records };
  }

  close(): Promise<void> {
    return this.#serial.run(async () => {
      for (const { file } of this.#segments) await file.close();
      await this.lock.release();
    });
  }

  async #append(entry: Entry): Promise<void> {
    const newest = this.#segments.at(-1)!;
    if (newest.file.bytes >= this.options.segmentBytes) await this.#begin(newest.number + 1);
    await this.#segments.at(-1)!.file.append(encode(entry));
    this.#apply(entry);
  }

  #apply(entry: Entry): void {
    switch (entry.type) {
      case 'begin':
        this.#next = Math.max(this.#next, entry.next);
        for (const [stream, ranges] of Object.entries(entry.accepted)) for (const [first, last] of ranges) this.#rangesOf(stream).addRange(first, last);
        return;
      case 'window': {
        const window = windowFromJson(entry.window);
        this.#items.set(entry.sequence, { sequence: entry.sequence, window });
        this.#rangesOf(window.stream).add(window.epoch);
        this.#next = entry.sequence + 1;
        break;
      }
      case 'proven': {
        const item = this.#items.get(entry.sequence);
        if (!item) return;   // done before, in a segment that is deleted, or its window was damaged
        this.#items.set(entry.sequence, { ...item, proven: { record: recordFromJson(entry.record), root: BigInt(entry.root), parametersHash: entry.parametersHash } });
        break;
      }
      case 'done':
        for (const sequence of entry.sequences) this.#items.delete(sequence);
        return;
    }
    this.#segments.at(-1)!.sequences.add(entry.sequence);
  }

  async #load(number: number): Promise<void> {
    const { file, payloads } = await AppendFile.open(this.#pathOf(number), (damage) => this.#setAside(damage));
    this.#segments.push({ number, file, sequences: new Set() });
    for (const payload of payloads) this.#apply(JSON.parse(payload.toString('utf8')) as Entry);
    if (payloads.length === 0) await file.append(encode(this.#beginning()));   // a crash cut the segment's first entry off
  }

  /** A new segment opens with what the deleted ones knew. */
  async #begin(number: number): Promise<void> {
    const { file } = await AppendFile.open(this.#pathOf(number), (damage) => this.#setAside(damage));
    await file.append(encode(this.#beginning()));
    this.#segments.push({ number, file, sequences: new Set() });
  }

  #beginning(): Entry {
    return { type: 'begin', next: this.#next, accepted: Object.fromEntries([...this.#accepted].map(([stream, ranges]) => [stream, ranges.toJSON()])) };
  }

  /** Deletes segments from the oldest on while all that stands in them is done: an item's entries never outlive its end. */
  async #dropDone(): Promise<void> {
    while (this.#segments.length > 1 && ![...this.#segments[0]!.sequences].some((sequence) => this.#items.has(sequence))) {
      const { file } = this.#segments.shift()!;
      await file.close();
      await rm(file.path);
      await syncFolder(this.options.folder);
    }
  }

  async #setAside(damage: Damage[]): Promise<[]> {
    const folder = join(this.options.folder, 'corrupt');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const { file, start, bytes } of damage) {
      const path = join(folder, `${basename(file, '.log')}-${start}-${Date.now()}.bin`);
      await writeDurably(path, bytes);
      this.options.onDamage(new AtsError('ATS_OUTBOX_CORRUPT', `${bytes.length} bytes at ${start} of ${file}; they are in ${path}`));
    }
    return [];
  }

  #pathOf(number: number): string { return join(this.options.folder, `${String(number).padStart(10, '0')}.log`); }

  #rangesOf(stream: string): EpochRanges {
    const ranges = this.#accepted.get(stream) ?? new EpochRanges();
    this.#accepted.set(stream, ranges);
    return ranges;
  }
}

function encode(entry: Entry): Buffer { return Buffer.from(JSON.stringify(entry)); }
