import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getBytes, Interface } from 'ethers';
import { audit, type AuditEntry, type AuditOptions, type AuditReport, type ChainSource, type LogSource, type RecordSource } from '#libs/audit';
import { checkpointAnchorContract, logIdOf, RegistryProjection, type Deployment } from '#libs/chain';
import { EventReader, isTopicName, PROOF_BYTES, TOPICS, type ChainBlock, type ChainLog, type KafkaRecord } from '#libs/events';
import { encodeEntryBundle, formatCheckpoint, generateLogKey, hashesRoot, leafTile, noteSigner, signNote, TILE_WIDTH, type TileSource } from '#libs/log';
import { createSnarkjsVerifier, deploymentScope, type BatchVerifier, type ProofJob } from '#libs/proofs';
import { decide, EMPTY_STATE, evolve, examine, outcomeOf, ParameterSets, type Candidate, type PartitionState } from '#libs/verdict';
import { deployment as madeUp, published, registered } from '../../libs/chain/test/made-up-chain.js';
import { AuditMessages } from './audit-messages.js';
import { CODEC } from './gate-records.js';

/** Time of block 0. Everything in this world is made up, its clock too. */
export const BEGIN_MS = 1_800_000_000_000;
const BLOCK_MS = 2000;
/** When the indexer has written a block, and so its record's broker time. */
const FINALITY_MS = 4000;
export const BLOCKS = 120;

export const AUDIT_DEPLOYMENT: Deployment = { ...madeUp, checkpointAnchor: '0x00000000000000000000000000000000000000F1', firstBlock: 0, registryLagSeconds: 6 };
const contract = new Interface(checkpointAnchorContract.abi);

/** An anchor as the operator makes it; the root is that of the entries, unless it is given. */
export interface MadeUpAnchor {
  block: number;
  size: number;
  root?: Buffer;
}

/**
 * A whole deployment as plain data, honest until a test changes it: blocks, source records, entries in the order of the log, anchors. {@link options}
 * then makes everything that an operator can make consistent with it: tiles, the signed checkpoint, the anchored roots, the records of audit-log.
 */
export class AuditWorld {
  readonly key = generateLogKey('log.example/audit');
  readonly messages: AuditMessages;
  readonly blocks: ChainBlock[] = [];
  /** Of all source topics, by `topic/partition`, in offset order; offsets have gaps where transactions ended or were aborted. */
  readonly records = new Map<string, KafkaRecord[]>();
  entries: AuditEntry[] = [];
  anchors: MadeUpAnchor[] = [];
  /** What audit-log holds, when that is not the log's entries. */
  topicEntries: Buffer[] | undefined;
  /** What the checkpoint is signed for, when that is not the entries' root. */
  signedRoot: Buffer | undefined;
  /** Published tiles, when they are not the entries'. */
  tiles: ((honest: TileSource) => TileSource) | undefined;
  /** The operator's own block records stay as they were, whatever the auditor's chain says. */
  nowMs = BEGIN_MS + BLOCKS * BLOCK_MS + 60_000;

  private constructor(readonly shared: AuditVerifier, messages?: AuditMessages) {
    this.messages = messages ?? new AuditMessages(deploymentScope(AUDIT_DEPLOYMENT));
  }

  /** Three households with a message each 30 s for four minutes, a bad proof, a resend, garbage and a second parameter set. */
  static honest(shared: AuditVerifier): AuditWorld {
    const world = new AuditWorld(shared, shared.messages);
    const projection = new RegistryProjection(AUDIT_DEPLOYMENT);
    for (let number = 0; number < BLOCKS; number++) {
      const logs = number === 1 ? [registered(0), published(1, world.messages.document(1))] : number === 60 ? [published(2, world.messages.document(2))] : [];
      const block = { chainId: AUDIT_DEPLOYMENT.chainId, number, hash: hashOf(number), parentHash: hashOf(number - 1), timestamp: BEGIN_MS + number * BLOCK_MS, logs };
      world.blocks.push(block);
      projection.apply(block);
      world.append('chain-events', 0, block.timestamp + FINALITY_MS, { key: Buffer.from(`${number}`), value: CODEC.encode('chain-events', block), headers: [] });
    }
    world.messages.root = projection.tree().root;
    const said: [number, string, Pick<KafkaRecord, 'partition' | 'key' | 'value' | 'headers'>][] = [];
    for (let i = 0; i < 7; i++) {
      for (const household of [1, 2, 3]) {
        const at = BEGIN_MS + 20_000 + i * 30_000 + household * 100;
        said.push([at, 'telemetry', world.messages.message({ household, epochMs: at - 30_000, state: i === 5 ? 'CRITICAL' : 'OK' })]);
      }
    }
    const [, , again] = said[3]!;
    const bad = world.messages.message({ household: 2, epochMs: BEGIN_MS + 60_000, stream: 'heat' });
    again.value!.copy(bad.value!, bad.value!.length - PROOF_BYTES, again.value!.length - PROOF_BYTES);
    said.push(
      [BEGIN_MS + 71_000, 'telemetry', again],
      [BEGIN_MS + 81_500, 'telemetry', bad],
      [BEGIN_MS + 112_000, 'telemetry', { partition: 0, key: null, value: Buffer.from('no event'), headers: [['x', null]] }],
      [BEGIN_MS + 113_000, 'bci-intent', { partition: 1, key: Buffer.from('k'), value: null, headers: [] }],
    );
    for (const [at, topic, message] of said.toSorted(([a], [b]) => a - b)) world.append(topic, message.partition, at, message);
    world.judge();
    world.anchors = [40, 80, 119].map((block) => ({ block, size: world.entries.filter(({ timestamp }) => timestamp < BEGIN_MS + block * BLOCK_MS - 3000).length }));
    return world;
  }

  /** A telemetry message of a household. */
  say(household: number, timestamp: number, change: Partial<Parameters<AuditMessages['message']>[0]> = {}): KafkaRecord {
    const message = this.messages.message({ household, epochMs: timestamp - 30_000, ...change });
    return this.append('telemetry', message.partition, timestamp, message);
  }

  /** A record at the end of its partition; every fifth offset is a transaction's marker. */
  append(topic: string, partition: number, timestamp: number, { key, value, headers }: Pick<KafkaRecord, 'key' | 'value' | 'headers'>): KafkaRecord {
    const place = `${topic}/${partition}`;
    const records = this.records.get(place) ?? [];
    this.records.set(place, records);
    const next = records.length === 0 ? 0n : records.at(-1)!.offset + 1n;
    const record = { topic, partition, offset: next % 5n === 4n ? next + 1n : next, timestamp, key, value, headers };
    records.push(record);
    return record;
  }

  /** All records in the order of their broker times: how the gate came to them. */
  inOrder(): KafkaRecord[] {
    return [...this.records.values()].flat().toSorted((a, b) => a.timestamp - b.timestamp);
  }

  /** The entries as an honest gate makes them. */
  judge(): void {
    const projection = new RegistryProjection(AUDIT_DEPLOYMENT);
    for (const block of this.blocks) projection.apply(block);
    const sets = new ParameterSets(projection);
    const states = new Map<string, PartitionState>();
    this.entries = this.inOrder().map((record) => {
      const found = projection.registryBlock(record.timestamp);
      const block = record.topic === 'chain-events' || found.status !== 'found' ? null : found.block;
      const context = { scope: deploymentScope(AUDIT_DEPLOYMENT), registry: projection, decode: (topic: never, value: Buffer) => CODEC.decode(topic, value) };
      const finding = examine(record, { block, parameters: sets.at(block) }, context as never);
      const place = `${record.topic}/${record.partition}`;
      const state = states.get(place) ?? EMPTY_STATE;
      const judgement = decide(state, finding, (candidate: Candidate) => this.messages.proves(candidate.job));
      states.set(place, evolve(state, judgement));
      return outcomeOf(judgement).audit;
    });
  }

  /** After blocks were changed: chain-events as the indexer would have written them. */
  rewriteBlocks(): void {
    this.records.get('chain-events/0')!.forEach((record, i) => { record.value = CODEC.encode('chain-events', this.blocks[i]!); });
  }

  /** The leaf of a record's entry. */
  leafOf({ topic, partition, offset }: Pick<KafkaRecord, 'topic' | 'partition' | 'offset'>): number {
    return this.entries.findIndex((entry) => entry.topic === topic && entry.partition === partition && entry.offset === Number(offset));
  }

  /** The n-th entry with a verdict. */
  leafWith(verdict: AuditEntry['verdict'], n = 0): number {
    return [...this.entries.keys()].filter((leaf) => this.entries[leaf]!.verdict === verdict)[n]!;
  }

  change(leaf: number, change: Partial<AuditEntry>): void {
    this.entries[leaf] = { ...this.entries[leaf]!, ...change };
  }

  /** The operator anchors as if the entry had never been there. */
  drop(leaf: number): void {
    this.entries.splice(leaf, 1);
    for (const anchor of this.anchors) if (anchor.size > leaf) anchor.size--;
  }

  insert(leaf: number, entry: AuditEntry): void {
    this.entries.splice(leaf, 0, entry);
    for (const anchor of this.anchors) if (anchor.size > leaf) anchor.size++;
  }

  leaves(): Buffer[] {
    return this.entries.map((entry) => CODEC.encode('audit-log', entry));
  }

  options(change: Partial<AuditOptions> = {}): AuditOptions {
    const leaves = this.leaves();
    return {
      deployment: AUDIT_DEPLOYMENT, vkey: this.key.vkey, log: this.log(leaves), records: this.recordSource(leaves), chain: this.chain(leaves),
      events: new EventReader(async () => { throw new Error('no schema but ours is listed'); }), verifier: { name: 'snarkjs', create: () => this.shared.verifier() },
      circuitsFolder: this.shared.circuitsFolder, now: () => this.nowMs, ...change,
    };
  }

  async audit(change: Partial<AuditOptions> = {}): Promise<AuditReport> {
    return await audit(this.options(change));
  }

  log(leaves: readonly Buffer[]): LogSource {
    const honest = tilesOf(leaves);
    const root = this.signedRoot ?? rootOf(leaves);
    const text = formatCheckpoint({ origin: 'log.example/audit', size: leaves.length, root });
    return { checkpoint: async () => signNote(text, [noteSigner(this.key.privateKey)]), tiles: this.tiles?.(honest) ?? honest };
  }

  recordSource(leaves: readonly Buffer[]): RecordSource {
    const records = new Map(this.records);
    records.set('audit-log/0', (this.topicEntries ?? leaves).map((value, i) => (
      { topic: 'audit-log', partition: 0, offset: BigInt(2 * i), timestamp: this.entries[Math.min(i, this.entries.length - 1)]!.timestamp, key: null, value, headers: [] })));
    return {
      partitions: async (topic) => Math.max(isTopicName(topic) ? TOPICS[topic].partitions : 0, ...[...records.keys()].filter((place) => place.startsWith(`${topic}/`)).map((place) => Number(place.split('/')[1]) + 1)),
      bounds: async (topic, partition) => ({ from: 0n, to: (records.get(`${topic}/${partition}`)?.at(-1)?.offset ?? -1n) + 1n }),
      async *read(topic, partition, from, to) {
        for (const record of records.get(`${topic}/${partition}`) ?? []) if (record.offset >= from && record.offset < to) yield record;
      },
      close: async () => undefined,
    };
  }

  chain(leaves: readonly Buffer[]): ChainSource {
    const blocks = this.blocks.map((block) => ({ ...block, logs: [...block.logs, ...this.anchorLogs(block.number, leaves)] }));
    return { deployment: AUDIT_DEPLOYMENT, head: async () => ({ number: blocks.length - 1, hash: blocks.at(-1)!.hash }), read: async (from, to) => blocks.slice(from, to + 1) };
  }

  private anchorLogs(block: number, leaves: readonly Buffer[]): ChainLog[] {
    const logId = logIdOf('log.example/audit');
    const opened = block === 2 ? [anchorLog('LogOpened', [logId, 'log.example/audit', Buffer.alloc(32)])] : [];
    return [...opened, ...this.anchors.filter((anchor) => anchor.block === block).map(({ size, root }) => anchorLog('Anchored', [logId, size, root ?? rootOf(leaves.slice(0, size))]))];
  }
}

/** What worlds share: the throwaway circuit's key, and one real verifier that looks at each proof once, however many audits there are. */
export class AuditVerifier {
  readonly dir = mkdtempSync(join(tmpdir(), 'attestream-audit-world-'));
  readonly circuitsFolder = join(this.dir, 'circuits');
  readonly messages = new AuditMessages(deploymentScope(AUDIT_DEPLOYMENT));
  readonly #known = new Map<string, boolean>();
  #verifier: Promise<BatchVerifier> | undefined;
  /** Proofs that audits have asked for. */
  asked = 0;

  constructor() {
    const folder = join(this.circuitsFolder, 'telemetry16');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'verification-key.json'), this.messages.trapdoor.keyFile);
  }

  verifier(): Promise<BatchVerifier> {
    const real = (this.#verifier ??= createSnarkjsVerifier({ circuits: ['telemetry16'], threads: 1, folder: this.circuitsFolder }));
    return Promise.resolve({
      name: 'snarkjs',
      verifyBatch: async (jobs: readonly ProofJob[]) => {
        this.asked += jobs.length;
        const unknown = jobs.filter((job) => !this.#known.has(nameOf(job)));
        // Verifiers name circuits by their keys; here is one.
        const holds = await (await real).verifyBatch(unknown.map((job) => ({ ...job, circuit: 'telemetry16' })));
        unknown.forEach((job, i) => this.#known.set(nameOf(job), holds[i]!));
        return jobs.map((job) => this.#known.get(nameOf(job))!);
      },
      close: async () => undefined,
    });
  }

  async close(): Promise<void> {
    await (await this.#verifier)?.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

function nameOf({ proof, publicSignals }: ProofJob): string {
  return createHash('sha256').update(proof).update(publicSignals.join()).digest('hex');
}

/** The tiles of these entries as a log publishes them. */
export function tilesOf(leaves: readonly Buffer[]): TileSource {
  const bundle = (index: number) => leaves.slice(index * TILE_WIDTH, (index + 1) * TILE_WIDTH);
  const level = (of: number): Buffer[] => {
    const tiles = Array.from({ length: Math.ceil(leaves.length / TILE_WIDTH) }, (_, i) => leafTile(bundle(i)));
    if (of === 0) return tiles;
    return [Buffer.concat(tiles.filter((tile) => tile.length === TILE_WIDTH * 32).map(hashesRoot))];
  };
  return {
    tile: async (of, index, width) => level(of)[index]!.subarray(0, width * 32),
    entries: async (index, width) => encodeEntryBundle(bundle(index).slice(0, width)),
  };
}

/** Of fewer than 65,536 entries: the tiles' roots, folded once more. */
export function rootOf(leaves: readonly Buffer[]): Buffer {
  const roots: Buffer[] = [];
  for (let i = 0; i < leaves.length; i += TILE_WIDTH) roots.push(hashesRoot(leafTile(leaves.slice(i, i + TILE_WIDTH))));
  return hashesRoot(Buffer.concat(roots));
}

/** A log of CheckpointAnchor, as the chain reports it. */
export function anchorLog(event: string, values: unknown[], address = AUDIT_DEPLOYMENT.checkpointAnchor): ChainLog {
  const { topics, data } = contract.encodeEventLog(event, values);
  return {
    address: Buffer.from(address.slice(2), 'hex'), topics: topics.map((topic) => Buffer.from(getBytes(String(topic)))), data: Buffer.from(getBytes(data)),
    transactionHash: Buffer.alloc(32, 0xaa), logIndex: 9,
  };
}

export function hashOf(number: number): Buffer {
  return createHash('sha256').update(`block ${number}`).digest();
}

