import { isAtsError } from '#libs/errors';
import { recordHash, TOPICS, type ChainBlock, type EventReader, type KafkaRecord } from '#libs/events';
import type { Verifiers } from '#libs/proofs';
import {
  examine, isRecorded, ParameterSets, SOURCE_TOPICS, unsupportedStatements,
  type Basis, type JudgeContext, type ParameterSet, type RegistryBlock, type SourceTopic, type StatementTopic,
} from '#libs/verdict';
import type { Failure, FailureCode } from './audit-report.js';
import { blockFailures } from './block-record.js';
import type { AuditEntry } from './entry.js';
import { failureOf, forgotten, iso } from './failures.js';
import type { Findings } from './findings.js';
import { Lane, MOST_PASSED, type LaneState } from './lane.js';
import type { NullifierFile } from './nullifier-file.js';
import type { OwnChain } from './own-chain.js';
import { RecordCursor } from './record-cursor.js';
import { Settlement, type Step } from './settlement.js';
import type { RecordSource } from './sources.js';
import type { Statistics } from './statistics.js';

/** A batch is verified while the next one is read. Memory: two of these. */
const BATCH_STEPS = 1024;
const BATCH_BYTES = 8 << 20;

/** How far records and verdicts are looked at: `log` without records, `records` without verdicts. */
export type Depth = 'log' | 'records' | 'verdicts';

export interface ReplayParameters {
  readonly depth: Depth;
  readonly range: { readonly from: number; readonly to: number };
  /** Only this topic's records, when given. */
  readonly topic: SourceTopic | undefined;
  /** Where each partition ends for this audit. */
  readonly ends: ReadonlyMap<string, { readonly from: bigint; readonly to: bigint }>;
  readonly records: RecordSource | undefined;
  readonly chain: OwnChain | undefined;
  readonly scope: bigint;
  readonly events: EventReader;
  readonly verifiers: Verifiers;
  readonly findings: Findings;
  readonly statistics: Statistics;
  readonly nullifiers: NullifierFile;
  readonly clockToleranceMs: number;
  readonly onProofs: (count: number) => void;
}

/**
 * Joins the entries, in leaf order, to the source records, in offset order per partition, and recomputes every verdict. Whatever is found is told
 * in leaf order, whenever the proofs are done.
 */
export class Replay {
  readonly #lanes = new Map<string, Lane[]>();
  readonly #context: JudgeContext;
  readonly #parameterSets: ParameterSets | undefined;
  readonly #prepared = new WeakMap<ParameterSet, Set<StatementTopic>>();
  #steps: Step[] = [];
  #bytes = 0;
  #settling: Promise<void> = Promise.resolve();
  #block: ChainBlock | undefined;
  #beginsMs: number | undefined;
  readonly #settlement: Settlement;

  constructor(private readonly parameters: ReplayParameters, states: readonly LaneState[] = []) {
    const { chain, events, scope, topic, ends, records } = parameters;
    const known = new Map(states.map((state) => [`${state.topic}/${state.partition}`, state]));
    for (const name of SOURCE_TOPICS) {
      if (topic !== undefined && name !== topic) continue;
      this.#lanes.set(name, Array.from({ length: TOPICS[name].partitions }, (_, partition) => {
        const place = `${name}/${partition}`;
        const state = known.get(place);
        const lane = state === undefined ? new Lane(name, partition) : Lane.from(state);
        const end = ends.get(place);
        if (records !== undefined && end !== undefined) {
          if (state === undefined) lane.next = end.from;
          lane.cursor = new RecordCursor(records.read(name, partition, lane.next, end.to));
        }
        return lane;
      }));
    }
    this.#settlement = new Settlement(parameters);
    this.#parameterSets = chain && new ParameterSets(chain.projection);
    this.#context = {
      scope,
      registry: { rootAt: (root, block, grace) => chain!.projection.rootAt(root, block, grace) },
      decode: (name, value, set) => {
        const event = events.decode(name, value, set);
        if (name === 'chain-events') this.#block = event as ChainBlock;
        return event;
      },
    };
  }

  /** Takes the next entry. Waits only when it has to: for a record, for room, or to look for what is wrong. */
  accept(leaf: number, entry: AuditEntry, failures: readonly (readonly [Failure, number])[]): Promise<void> | undefined {
    const lanes = this.#lanes.get(entry.topic);
    if (lanes === undefined) {
      const ignored = this.parameters.topic !== undefined && (SOURCE_TOPICS as readonly string[]).includes(entry.topic);
      return this.#push(undefined, leaf, ignored ? undefined : entry, ignored ? failures : [...failures, [failureOf('ENTRY_WITHOUT_RECORD', leaf, entry, 'no such source topic'), 1]]);
    }
    const lane = lanes[entry.partition];
    if (lane === undefined) return this.#push(undefined, leaf, entry, [...failures, [failureOf('ENTRY_WITHOUT_RECORD', leaf, entry, 'no such partition'), 1]]);
    if (lane.cursor === undefined) return this.#acceptUnseen(lane, leaf, entry, failures);
    const record = lane.cursor.head;
    if (record !== undefined && Number(record.offset) === entry.offset) return this.#join(lane, leaf, entry, failures);
    return this.#search(lane, leaf, entry, failures);
  }

  /** Something found wrong that is no entry's, in its turn. */
  note(leaf: number, failure: Failure): Promise<void> | undefined {
    return this.#push(undefined, leaf, undefined, [[failure, 1]]);
  }

  /** Everything taken so far is decided and told. */
  async drain(): Promise<void> {
    await this.#flush();
    await this.#settling;
  }

  /** The log goes on where another one ended: records up to this broker time, before a partition's first entry, are the other's. */
  succeeds(beginsMs: number): void { this.#beginsMs = beginsMs; }
  get beginsMs(): number | undefined { return this.#beginsMs; }

  get lanes(): readonly Lane[] { return [...this.#lanes.values()].flat(); }

  async close(): Promise<void> {
    await this.#settling.catch(() => undefined); // told to whoever drained
    for (const { cursor } of this.lanes) await cursor?.close();
  }

  /** Without records, an order is all that entries can have wrong. */
  #acceptUnseen(lane: Lane, leaf: number, entry: AuditEntry, failures: readonly (readonly [Failure, number])[]): Promise<void> | undefined {
    const { last } = lane;
    lane.last = Math.max(last, entry.offset);
    if (entry.offset > last) return this.#push(undefined, leaf, entry, failures);
    const code = entry.offset === last ? 'ENTRY_DUPLICATE' : 'ENTRY_REORDERED';
    return this.#push(undefined, leaf, entry, [...failures, [failureOf(code, leaf, entry, `after the entry of offset ${last}`), 1]]);
  }

  /** The entry of the record at the cursor. */
  #join(lane: Lane, leaf: number, entry: AuditEntry | undefined, failures: readonly (readonly [Failure, number])[], before = false): Promise<void> | undefined {
    const record = lane.cursor!.take();
    const offset = Number(record.offset);
    lane.next = record.offset + 1n;
    if (entry !== undefined) lane.last = Math.max(lane.last, offset);
    const basis = this.#basisOf(lane, record);
    if (basis === undefined) return this.#judge(lane, record, leaf, entry, failures, before);
    if (basis.parameters.set !== null && !isRecorded(lane.topic) && !this.#prepared.get(basis.parameters.set)?.has(lane.topic)) {
      return this.#prepareAndJudge(lane, record, basis, leaf, entry, failures, before);
    }
    return this.#judge(lane, record, leaf, entry, failures, before, basis);
  }

  /** What the record is judged by; undefined when no verdict can be recomputed. */
  #basisOf(lane: Lane, record: KafkaRecord): Basis | undefined {
    const { chain, depth } = this.parameters;
    if (depth !== 'verdicts' || !lane.judged || chain === undefined) return undefined;
    if (isRecorded(lane.topic)) return { block: null, parameters: this.#parameterSets!.at(null) };
    const found = chain.projection.registryBlock(record.timestamp);
    if (found.status === 'waiting') {
      this.#giveUp(lane, 'CHAIN_BEHIND', `the chain as it was read ends before the registry block of ${placeOf(record)}, of ${iso(record.timestamp)}`);
      return undefined;
    }
    const block: RegistryBlock | null = found.status === 'found' ? found.block : null;
    return { block, parameters: this.#parameterSets!.at(block) };
  }

  #giveUp(lane: Lane, code: string, detail: string): void {
    lane.judged = false;
    this.parameters.findings.couldNotCheck(code, `verdicts of ${lane.topic}[${lane.partition}]: ${detail}`);
  }

  async #prepareAndJudge(lane: Lane, record: KafkaRecord, basis: Basis, leaf: number, entry: AuditEntry | undefined, failures: readonly (readonly [Failure, number])[], before: boolean): Promise<void> {
    const topic = lane.topic as StatementTopic;
    const set = basis.parameters.set!;
    let known = true;
    try {
      const [unsupported] = unsupportedStatements(set, topic);
      if (unsupported !== undefined) {
        known = false;
        this.#giveUp(lane, 'ATS_CIRCUIT_MISSING', `parameter set ${set.version} has circuit ${unsupported.circuit} in force, which this version does not know`);
      } else {
        await this.parameters.events.prepare(topic, set);
        for (const statement of set.statements) if (statement.topic === topic) await this.parameters.verifiers.prepare(statement);
        const topics = this.#prepared.get(set) ?? new Set();
        this.#prepared.set(set, topics.add(topic));
      }
    } catch (error) {
      if (!isAtsError(error)) throw error;
      known = false;
      this.#giveUp(lane, error.code, error.why);
    }
    await this.#judge(lane, record, leaf, entry, failures, before, known ? basis : undefined);
  }

  #judge(lane: Lane, record: KafkaRecord, leaf: number, entry: AuditEntry | undefined, failures: readonly (readonly [Failure, number])[], before: boolean, basis?: Basis): Promise<void> | undefined {
    this.#block = undefined;
    const finding = basis && examine(record, basis, this.#context);
    const facts = { offset: Number(record.offset), timestamp: record.timestamp, hash: finding?.source.hash ?? recordHash(record) };
    const all = this.#block === undefined || leaf < this.parameters.range.from ? failures : [...failures, ...blockFailures(record, this.#block, leaf, this.parameters).map((failure) => [failure, 1] as const)];
    return this.#push(lane, leaf, entry, all, { facts, finding }, record.value?.length, before ? { before } : undefined);
  }

  /** The entry is not the one of the record at the cursor. */
  async #search(lane: Lane, leaf: number, entry: AuditEntry, failures: readonly (readonly [Failure, number])[]): Promise<void> {
    const cursor = lane.cursor!;
    await cursor.more();
    const wrong = (code: FailureCode, detail: string) => this.#push(undefined, leaf, entry, [...failures, [failureOf(code, leaf, entry, detail), 1] as const]);
    if (cursor.head === undefined || Number(cursor.head.offset) > entry.offset) {
      if (lane.passed.delete(entry.offset)) return this.#push(lane, leaf, entry, failures, undefined, 0, { late: true });
      const again = entry.offset <= lane.last && (await this.#recordAt(lane, entry.offset)) !== undefined;
      return again ? wrong('ENTRY_DUPLICATE', 'the record has an entry already') : wrong('ENTRY_WITHOUT_RECORD', 'no committed record at this offset');
    }
    if (Number(cursor.head.offset) < entry.offset) {
      await cursor.more(2);
      const isNext = cursor.second !== undefined && Number(cursor.second.offset) === entry.offset;
      if (!isNext) {
        const record = await this.#recordAt(lane, entry.offset);
        // Far ahead only for a record that the entry names rightly: one invented offset must not make the records before it look forgotten.
        if (record === undefined) return wrong('ENTRY_WITHOUT_RECORD', 'no committed record at this offset');
        if (!recordHash(record).equals(entry.hash)) return wrong('ENTRY_WITHOUT_RECORD', `another record is at this offset, and offset ${cursor.head.offset} is next`);
      }
      while (cursor.head !== undefined && Number(cursor.head.offset) < entry.offset) {
        await this.#passOver(lane, leaf, cursor.head);
        await cursor.more();
      }
    }
    await this.#join(lane, leaf, entry, failures);
  }

  /** The record at the cursor has no entry, unless it comes later. */
  async #passOver(lane: Lane, leaf: number, { offset: at, timestamp }: KafkaRecord): Promise<void> {
    const offset = Number(at);
    // Judged all the same: its verdict is part of the state that the log's first ones depend on.
    if (lane.last === -1 && this.#beginsMs !== undefined && timestamp <= this.#beginsMs) return await this.#join(lane, leaf, undefined, [], true);
    lane.passed.add(offset);
    await this.#join(lane, leaf, undefined, []);
    if (lane.passed.size <= MOST_PASSED) return;
    const [oldest] = lane.passed;
    lane.passed.delete(oldest!);
    await this.#push(lane, leaf, undefined, [[forgotten(lane, oldest!, leaf), 1]], undefined, 0, { givenUp: oldest! });
  }

  async #recordAt(lane: Lane, offset: number): Promise<KafkaRecord | undefined> {
    const end = this.parameters.ends.get(`${lane.topic}/${lane.partition}`)!;
    if (offset < end.from || offset >= end.to) return undefined;
    for await (const record of this.parameters.records!.read(lane.topic, lane.partition, BigInt(offset), BigInt(offset) + 1n)) return record;
    return undefined;
  }

  #push(
    lane: Lane | undefined, leaf: number, entry: AuditEntry | undefined, failures: readonly (readonly [Failure, number])[],
    joined?: Pick<Step, 'facts' | 'finding'>, bytes = 0, special?: Pick<Step, 'late' | 'givenUp' | 'before'>,
  ): Promise<void> | undefined {
    this.#steps.push({ lane, leaf, entry, facts: joined?.facts, finding: joined?.finding, failures, ...special });
    this.#bytes += bytes;
    return this.#steps.length >= BATCH_STEPS || this.#bytes >= BATCH_BYTES ? this.#flush() : undefined;
  }

  /** Begins the next batch when the one before is done. */
  async #flush(): Promise<void> {
    const steps = this.#steps;
    this.#steps = [];
    this.#bytes = 0;
    await this.#settling;
    if (steps.length === 0) return;
    this.#settling = this.#settlement.settle(steps);
    this.#settling.catch(() => undefined); // whoever waits for it next is told
  }

}

function placeOf({ topic, partition, offset }: KafkaRecord): string {
  return `${topic}/${partition}/${offset}`;
}
