import { isAtsError, type AtsError } from '#libs/errors';
import type { Verifiers } from '#libs/proofs';
import { TILE_WIDTH, type Checkpoint } from '#libs/log';
import { ActiveTime } from './active-time.js';
import { AnchorAudit } from './anchor-audit.js';
import type { Failure } from './audit-report.js';
import { BrokerTimeWindow } from './broker-time.js';
import { readBundles, type Bundle } from './bundles.js';
import { decodeEntry, type AuditEntry } from './entry.js';
import { failureOf } from './failures.js';
import type { Findings } from './findings.js';
import { NullifierFile } from './nullifier-file.js';
import type { AuditLimits, AuditOptions } from './options.js';
import type { OwnChain } from './own-chain.js';
import { predecessorIn } from './predecessor.js';
import { RecordCursor } from './record-cursor.js';
import { Replay } from './replay.js';
import { nullifiersBeside, writeState, type AuditProgress, type AuditTarget } from './state-file.js';
import { Statistics } from './statistics.js';
import { auditTails } from './tails.js';
import { TileTree, type RecomputedTile } from './tile-tree.js';
import { TopicComparison } from './topic-comparison.js';

const HASH_BYTES = 32;
const PROGRESS_MS = 500;
const SAVE_MS = 10_000;
/** Memory is looked at every so many bundles. */
const LOOK_BUNDLES = 16;

export interface WalkParameters {
  readonly options: AuditOptions;
  readonly limits: AuditLimits;
  readonly target: AuditTarget;
  readonly checkpoint: Checkpoint;
  readonly chain: OwnChain | undefined;
  readonly scope: bigint;
  readonly verifiers: Verifiers;
  readonly findings: Findings;
}

/** Goes once through the log, from its first leaf to its last: everything that is checked hangs on it. */
export class Walk {
  readonly findings: Findings;
  readonly statistics: Statistics;
  readonly anchors: AnchorAudit;
  readonly range: { readonly from: number; readonly to: number };
  pending = { records: 0, entries: 0 };
  root: Buffer | undefined;
  predecessor: string | null;
  rssBytesMax = process.memoryUsage.rss();
  readonly #tree: TileTree;
  readonly #active: ActiveTime;
  readonly #window: BrokerTimeWindow;
  readonly #nullifiers: NullifierFile;
  readonly #replay: Replay;
  readonly #topicCursor: RecordCursor | undefined;
  readonly #topic: TopicComparison | undefined;
  readonly #firstBundle: number;
  #newestMs: number;
  #firstMs: number | null;
  #proofs = 0;
  #startedAt = performance.now();
  #toldAt = 0;
  #savedAt = performance.now();

  constructor(private readonly parameters: WalkParameters, progress: AuditProgress | null) {
    const { options, limits, target, checkpoint: { size }, chain, scope, verifiers, findings } = parameters;
    const to = Math.min(options.to ?? size, size);
    this.range = { from: Math.min(options.from ?? 0, to), to };
    this.findings = findings;
    this.statistics = new Statistics(progress?.statistics);
    this.#tree = new TileTree(progress?.tree);
    this.#active = new ActiveTime(progress?.activeMinutes);
    this.#firstBundle = progress?.bundle ?? 0;
    this.#newestMs = progress?.newestMs ?? 0;
    this.#firstMs = progress?.firstMs ?? null;
    this.predecessor = progress?.predecessor ?? null;
    this.anchors = new AnchorAudit({ chain: chain?.hasDigests === true ? chain : undefined, size, active: this.#active, lagMs: limits.anchorLagSeconds * 1000 }, progress?.anchorAge);
    this.#window = new BrokerTimeWindow(this.anchors.ofLog, this.#active, { toleranceMs: limits.clockToleranceSeconds * 1000, maxWaitMs: limits.maxWaitSeconds * 1000, nowMs: target.nowMs });
    const { stateFile, records } = options;
    this.#nullifiers = new NullifierFile(stateFile === undefined ? undefined : { file: nullifiersBeside(stateFile), rows: progress?.nullifierRows ?? 0 });
    const depth = records === undefined ? 'log' : options.depth ?? 'verdicts';
    const ends = new Map(target.ends.map(({ topic, partition, from, to: end }) => [`${topic}/${partition}`, { from, to: end }]));
    this.#replay = new Replay({
      depth, range: this.range, topic: options.topic, ends, records: depth === 'log' ? undefined : records, chain, scope, events: options.events, verifiers, findings,
      statistics: this.statistics, nullifiers: this.#nullifiers, clockToleranceMs: limits.clockToleranceSeconds * 1000, onProofs: (count) => { this.#proofs += count; },
    }, progress?.lanes);
    if (this.predecessor !== null && this.#firstMs !== null) this.#replay.succeeds(this.#firstMs + limits.maxWaitSeconds * 1000);
    const end = ends.get('audit-log/0');
    if (depth !== 'log' && end !== undefined && end.to > 0n) {
      const next = progress?.topicNext ?? end.from;
      this.#topicCursor = new RecordCursor(records!.read('audit-log', 0, next, end.to));
      this.#topic = new TopicComparison(this.#topicCursor, next);
    }
    this.#sayWhatIsLeftOut(depth);
  }

  /** Of the checkpoint that is audited. */
  get size(): number { return this.parameters.checkpoint.size; }

  /** @throws AtsError when a source fails; the signal's reason */
  async run(): Promise<void> {
    const { options: { log, signal }, checkpoint } = this.parameters;
    try {
      for await (const bundle of readBundles(log.tiles, checkpoint.size, this.#firstBundle)) {
        signal?.throwIfAborted();
        await this.#bundle(bundle);
        this.#tell(bundle.index * TILE_WIDTH + bundle.entries.length);
        if (bundle.entries.length === TILE_WIDTH) await this.#save(bundle.index + 1);
      }
    } catch (error) {
      if (!isAtsError(error, 'ATS_TILE_CORRUPT') && !isAtsError(error, 'ATS_TILE_MISSING')) throw error;
      await this.#replay.drain();
      this.findings.add({ code: 'ENTRIES_UNREADABLE', leaf: this.#tree.bundles * TILE_WIDTH, topic: null, partition: null, offset: null, detail: error.message });
      this.findings.couldNotCheck('ENTRIES', 'everything behind the entries that cannot be read');
      return;
    }
    await this.#end();
  }

  async close(): Promise<void> {
    await this.#replay.close();
    await this.#topicCursor?.close();
    this.#nullifiers.close();
  }

  async #bundle({ index, entries, hashes, tile }: Bundle): Promise<void> {
    const first = index * TILE_WIDTH;
    for (const failure of this.#tileFailures({ level: 0, index, hashes }, tile)) await this.#replay.note(first, failure);
    for (const failure of this.anchors.compare(first, entries.length, (leaves) => this.#tree.rootWith(hashes.subarray(0, leaves * HASH_BYTES)))) await this.#replay.note(first, failure);
    for (let i = 0; i < entries.length; i++) {
      const wait = this.#leaf(first + i, entries[i]!);
      if (wait !== undefined) await wait;
    }
    if (entries.length === TILE_WIDTH) await this.#compareTiles(this.#tree.append(hashes));
    else this.root = this.#tree.rootWith(hashes);
  }

  #leaf(leaf: number, bytes: Buffer): Promise<void> | undefined {
    if (leaf === 0) {
      const first = predecessorIn(bytes, this.parameters.chain);
      if (first !== undefined) return this.#succeed(first);
    }
    if (leaf === 1 && this.predecessor !== null) return this.#firstOfSuccessor(bytes);
    const different = this.#topic?.compare(leaf, bytes);
    if (different instanceof Promise) return different.then((failures) => this.#entry(leaf, bytes, failures));
    return this.#entry(leaf, bytes, different ?? []);
  }

  async #succeed({ checkpoint, failure }: NonNullable<ReturnType<typeof predecessorIn>>): Promise<void> {
    this.predecessor = checkpoint?.origin ?? '';
    this.findings.couldNotCheck('PREDECESSOR', `what came before this log is in ${this.predecessor}: audit that one as well`);
    if (failure !== undefined) await this.#replay.note(0, failure);
  }

  async #firstOfSuccessor(bytes: Buffer): Promise<void> {
    if (this.#topic !== undefined && !(await this.#topic.seek(bytes))) await this.#replay.note(1, general('ENTRY_NOT_IN_TOPIC', 1, 'the topic has no such record'));
    const different = await this.#topic?.compare(1, bytes);
    await this.#entry(1, bytes, different ?? []);
  }

  #entry(leaf: number, bytes: Buffer, found: readonly Failure[]): Promise<void> | undefined {
    let entry: AuditEntry;
    try {
      entry = decodeEntry(bytes);
    } catch (error) {
      if (!isAtsError(error, 'ATS_EVENT_MALFORMED')) throw error;
      return this.#notes(leaf, [...found, malformed(leaf, error)]);
    }
    const { options: { topic }, target: { nowMs } } = this.parameters;
    if (this.#firstMs === null) {
      this.#firstMs = entry.timestamp;
      if (this.predecessor !== null) this.#replay.succeeds(entry.timestamp + this.parameters.limits.maxWaitSeconds * 1000);
    }
    const late = this.anchors.passed(leaf, entry.timestamp);
    // A time far in the future is a finding of its own, and no time that the log has lived.
    if (entry.timestamp <= nowMs) {
      this.#active.mark(entry.timestamp);
      this.#newestMs = Math.max(this.#newestMs, entry.timestamp);
    }
    const isAudited = leaf >= this.range.from && leaf < this.range.to && (topic === undefined || entry.topic === topic);
    const outside = this.#window.outside(leaf, entry.timestamp);
    const failures = isAudited && outside !== undefined ? [...found, failureOf('BROKER_TIME', leaf, entry, outside)] : found;
    const all = late === undefined ? failures : [...failures, late];
    if (leaf >= this.range.to) return this.#notes(leaf, all);
    return this.#replay.accept(leaf, entry, all.map((failure) => [failure, 1] as const));
  }

  #notes(leaf: number, failures: readonly Failure[]): Promise<void> | undefined {
    if (failures.length === 0) return undefined;
    return (async () => { for (const failure of failures) await this.#replay.note(leaf, failure); })();
  }

  async #compareTiles(tiles: readonly RecomputedTile[]): Promise<void> {
    const { options: { log } } = this.parameters;
    for (const { level, index, hashes } of tiles) {
      const published = await log.tiles.tile(level, index, hashes.length / HASH_BYTES).catch((error: unknown) => {
        if (isAtsError(error, 'ATS_TILE_CORRUPT') || isAtsError(error, 'ATS_TILE_MISSING')) return error;
        throw error;
      });
      for (const failure of this.#tileFailures({ level, index, hashes }, published)) await this.#replay.note(failure.leaf!, failure);
    }
  }

  #tileFailures({ level, index, hashes }: RecomputedTile, published: Buffer | AtsError): Failure[] {
    if (Buffer.isBuffer(published) && published.equals(hashes)) return [];
    const leaf = index * TILE_WIDTH ** (level + 1);
    const wrong = Buffer.isBuffer(published) ? firstDifference(hashes, published) : undefined;
    const detail = wrong === undefined ? (published as AtsError).message : `hash ${wrong} of tile ${level}/${index}`;
    return [{ code: 'TILE_WRONG', leaf: leaf + (wrong ?? 0) * TILE_WIDTH ** level, topic: null, partition: null, offset: null, detail }];
  }

  async #end(): Promise<void> {
    const { checkpoint, limits, target } = this.parameters;
    await this.#compareTiles(this.#tree.unfinished());
    this.root ??= this.#tree.rootWith(Buffer.alloc(0));
    if (!this.root.equals(checkpoint.root)) await this.#replay.note(checkpoint.size, general('CHECKPOINT_ROOT', null, `size ${checkpoint.size} is signed for root ${checkpoint.root.toString('hex')}, the entries have ${this.root.toString('hex')}`));
    for (const failure of this.#topic?.end() ?? []) await this.#replay.note(failure.leaf!, failure);
    await this.#replay.drain();
    // What comes behind the log has to be there only when the audit goes to its end.
    const isWhole = this.range.to === checkpoint.size;
    this.pending = await auditTails({
      lanes: this.#replay.lanes, topicCursor: this.#topicCursor, findings: this.findings, active: this.#active, lagMs: limits.recordLagSeconds * 1000, nowMs: target.nowMs,
      isWhole, isEnded: this.parameters.chain?.superseded === true, beginsMs: this.#replay.beginsMs, newest: (ms) => { this.#newestMs = Math.max(this.#newestMs, ms); },
    });
    for (const failure of this.anchors.end(this.#newestMs)) this.findings.add(failure);
    for (const { first, second } of this.#nullifiers.reuses()) {
      if (second >= this.range.from) this.findings.add(general('NULLIFIER_REUSED', second, `${first < 0 ? 'a record of before this log' : `the entry of leaf ${first}`} has verified it before`));
    }
    this.#tell(checkpoint.size, true);
  }

  #sayWhatIsLeftOut(depth: 'log' | 'records' | 'verdicts'): void {
    const { options: { records, chain }, findings } = this.parameters;
    if (chain === undefined) findings.couldNotCheck('CHAIN', 'no chain was asked: anchors, and what chain-events says of the registries, are the operator\'s word');
    if (records === undefined || depth === 'log') findings.couldNotCheck('RECORDS', 'no source records were read');
    if (depth !== 'verdicts') findings.couldNotCheck('VERDICTS', 'no verdict was recomputed and no proof verified');
  }

  /** Between two bundles, not too often: what is decided so far is kept. */
  async #save(bundle: number): Promise<void> {
    const { options: { stateFile, saveEveryMs = SAVE_MS, onEvent }, target } = this.parameters;
    const began = performance.now();
    if (stateFile === undefined || began - this.#savedAt < saveEveryMs || this.#topic?.settled === false) return;
    await this.#replay.drain();
    const progress: AuditProgress = {
      bundle, tree: this.#tree.state(), findings: this.findings.state(), statistics: this.statistics.state(), lanes: this.#replay.lanes.map((lane) => lane.toState()),
      topicNext: this.#topic?.next ?? 0n, activeMinutes: this.#active.minutes(), nullifierRows: this.#nullifiers.sync(), anchorAge: this.anchors.state(), newestMs: this.#newestMs,
      predecessor: this.predecessor, firstMs: this.#firstMs,
    };
    writeState(stateFile, { target, progress });
    onEvent?.({ kind: 'saved', leaf: bundle * TILE_WIDTH });
    // A state that takes long to write is written more seldom: a twentieth of the time at most.
    this.#savedAt = performance.now() + 20 * (performance.now() - began) - saveEveryMs;
    if (this.#savedAt < began) this.#savedAt = began;
  }

  #tell(leaf: number, last = false): void {
    const { options: { onEvent }, checkpoint: { size } } = this.parameters;
    const now = performance.now();
    if (last || (leaf / TILE_WIDTH) % LOOK_BUNDLES === 0) this.rssBytesMax = Math.max(this.rssBytesMax, process.memoryUsage.rss());
    if (!last && now - this.#toldAt < PROGRESS_MS) return;
    this.#toldAt = now;
    const pace = (leaf - this.#firstBundle * TILE_WIDTH) / Math.max(1e-3, (now - this.#startedAt) / 1000);
    onEvent?.({ kind: 'progress', leaf, size, proofs: this.#proofs, entriesPerSecond: Math.round(pace), etaSeconds: pace > 0 ? Math.round((size - leaf) / pace) : 0 });
  }
}

function general(code: Failure['code'], leaf: number | null, detail: string): Failure {
  return { code, leaf, topic: null, partition: null, offset: null, detail };
}

function malformed(leaf: number, error: AtsError): Failure {
  return general('ENTRY_MALFORMED', leaf, error.why);
}

function firstDifference(hashes: Buffer, published: Buffer): number {
  for (let i = 0; i * HASH_BYTES < hashes.length; i++) {
    if (hashes.compare(published, i * HASH_BYTES, (i + 1) * HASH_BYTES, i * HASH_BYTES, (i + 1) * HASH_BYTES) !== 0) return i;
  }
  return 0;
}
