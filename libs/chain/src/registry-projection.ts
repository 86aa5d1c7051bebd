import { AtsError } from '#libs/errors';
import { FIELD_MODULUS, type ChainBlock } from '#libs/events';
import { MerkleTree, leafHash, type MerklePath } from '#libs/proofs';
import { BlockIndex, type Block } from './block-index.js';
import type { Deployment } from './deployment.js';
import { RegistryEventReader, type RegistryEvent } from './registry-events.js';
import { RootHistory } from './root-history.js';

/** The registry block of a record (DESIGN chapter 5): not yet known, before the first block, or fixed for good. */
export type RegistryBlock = { status: 'waiting' } | { status: 'none' } | { status: 'found'; block: Block };

/** The parameter set in force. `hash`: keccak256 of `document`, as the contract computed it. */
export interface PublishedParameters { version: number; hash: Buffer; document: Buffer; block: number }

/** A leaf's place under a root: the private input of every statement's membership part. */
export interface Membership extends MerklePath { index: number; root: bigint }

interface LeafRecord { leaf: bigint; registeredAt: number; revokedAt?: number }

/** The tree as readers may use it. */
export type RegistryTree = Pick<MerkleTree, 'root' | 'size' | 'leaf' | 'path'>;

/**
 * The registries as a pure projection of the topic chain-events: whoever applies the same blocks gets the same answers.
 * Answers about a block that was applied never change.
 */
export class RegistryProjection {
  readonly #blocks: BlockIndex;
  readonly #events: RegistryEventReader;
  readonly #roots = new RootHistory();
  readonly #tree = new MerkleTree();
  readonly #leaves: LeafRecord[] = [];
  readonly #liveIndex = new Map<bigint, number>();
  readonly #parameters: PublishedParameters[] = [];
  #malformedLogs = 0;

  constructor(readonly deployment: Deployment) {
    this.#blocks = new BlockIndex(deployment.firstBlock);
    this.#events = new RegistryEventReader(deployment);
  }

  get head(): Block | undefined { return this.#blocks.head; }

  /** Logs of our contracts that our contracts cannot have emitted. They change nothing; other than 0 means a faulty node. */
  get malformedLogs(): number { return this.#malformedLogs; }

  /** The block of this number, when it was applied. */
  block(number: number): Block | undefined { return this.#blocks.at(number); }

  /**
   * Applies the next block. A block that was applied before is ignored.
   * @returns whether it was new.
   * @throws AtsError ATS_CHAIN_WRONG for another chain's block; ATS_CHAIN_DIVERGED for another hash at a known number, a broken
   * parent link, a gap, or time that moves back. Nothing is applied then.
   */
  apply(block: ChainBlock): boolean {
    if (!this.#isNext(block)) return false;
    this.#blocks.append(block.hash, block.timestamp);
    let treeChanged = false;
    for (const log of block.logs) {
      const event = this.#events.read(log);
      if (event === undefined) continue;
      if (event === 'malformed' || !this.#applyEvent(event, block.number)) this.#malformedLogs++;
      else treeChanged ||= event.type !== 'published';
    }
    // the empty tree's root counts from the first block on
    if (treeChanged || block.number === this.deployment.firstBlock) this.#roots.add(this.#tree.root, block.number);
    return true;
  }

  /**
   * The highest block whose time is at most `timestampMs` (a record's broker timestamp) minus D. It is fixed as soon as a later
   * block is known, hence 'waiting' until then.
   */
  registryBlock(timestampMs: number): RegistryBlock {
    const latest = timestampMs - this.deployment.registryLagSeconds * 1000;
    const { head } = this;
    if (!head || head.timestampMs <= latest) return { status: 'waiting' };
    const block = this.#blocks.highestUpTo(latest);
    return block ? { status: 'found', block } : { status: 'none' };
  }

  /** The latest parameter set published up to this block. */
  parametersAt(blockNumber: number): PublishedParameters | undefined {
    return this.#parameters.findLast(({ block }) => block <= blockNumber);
  }

  /**
   * Whether `root` may be proven against at this block: 'known' when the tree had it after some block up to this one; 'revoked'
   * when a leaf live under it was revoked more than the grace ago, in block time.
   * @throws RangeError when the block was not applied.
   */
  rootAt(root: bigint, blockNumber: number, graceSeconds: number): 'known' | 'unknown' | 'revoked' {
    const now = this.#requireBlock(blockNumber).timestampMs;
    const life = this.#roots.get(root);
    if (!life || life.since > blockNumber) return 'unknown';
    if (life.revokedAt === undefined || life.revokedAt > blockNumber) return 'known';
    return this.#requireBlock(life.revokedAt).timestampMs + graceSeconds * 1000 < now ? 'revoked' : 'known';
  }

  /** The tree after the newest block. */
  tree(): RegistryTree { return this.#tree; }

  /** Index of a live leaf, by its hash. */
  leafIndex(leaf: bigint): number | undefined { return this.#liveIndex.get(leaf); }

  /**
   * A leaf's path under the root after `blockNumber`, or undefined when it was not live then. A prover takes the registry block of
   * the present time: the newest root would be unknown to the gate, whose registry block is D behind.
   * Costs 40 hashes a change since that block.
   * @throws RangeError when the block was not applied.
   */
  membership(leaf: bigint, blockNumber: number): Membership | undefined {
    this.#requireBlock(blockNumber);
    const index = this.#leaves.findLastIndex((record) => record.leaf === leaf);
    const isLive = ({ registeredAt, revokedAt }: LeafRecord): boolean =>
      registeredAt <= blockNumber && (revokedAt === undefined || revokedAt > blockNumber);
    if (index < 0 || !isLive(this.#leaves[index]!)) return undefined;
    const changed = [...this.#leaves.entries()].filter(([, record]) =>
      record.registeredAt > blockNumber || (record.revokedAt !== undefined && record.revokedAt > blockNumber));
    for (const [at, record] of changed) this.#tree.set(at, isLive(record) ? record.leaf : 0n);
    const membership = { index, root: this.#tree.root, ...this.#tree.path(index) };
    for (const [at, record] of changed) this.#tree.set(at, record.revokedAt === undefined ? record.leaf : 0n);
    return membership;
  }

  #isNext({ chainId, number, hash, parentHash, timestamp }: ChainBlock): boolean {
    const { chainId: deployed, firstBlock } = this.deployment;
    if (chainId !== deployed) {
      throw new AtsError('ATS_CHAIN_WRONG', `block ${number} is of chain ${chainId}, the deployment is on chain ${deployed}`);
    }
    const known = this.#blocks.at(number);
    if (known?.hash.equals(hash)) return false;
    if (known) throw new AtsError('ATS_CHAIN_DIVERGED', `block ${number} is ${hex(hash)}, but was ${hex(known.hash)}`);
    const { head } = this;
    const expected = head ? head.number + 1 : firstBlock;
    if (number !== expected) throw new AtsError('ATS_CHAIN_DIVERGED', `block ${number} comes where block ${expected} should`);
    if (head && !head.hash.equals(parentHash)) {
      throw new AtsError('ATS_CHAIN_DIVERGED', `block ${number} follows ${hex(parentHash)}, but block ${head.number} is ${hex(head.hash)}`);
    }
    if (head && timestamp < head.timestampMs) {
      throw new AtsError('ATS_CHAIN_DIVERGED', `block ${number} is of ${timestamp} ms, earlier than block ${head.number} of ${head.timestampMs} ms`);
    }
    return true;
  }

  /** @returns false, changing nothing, for an event that breaks an invariant of its contract. */
  #applyEvent(event: RegistryEvent, block: number): boolean {
    switch (event.type) {
      case 'registered': {
        const { kind, Ax, Ay, secretHash, program, index } = event;
        if (index !== this.#tree.size || ![kind, Ax, Ay, secretHash, program].every((value) => value < FIELD_MODULUS)) return false;
        const leaf = leafHash({ kind, Ax, Ay, secretHash, program });
        this.#tree.append(leaf);
        this.#leaves.push({ leaf, registeredAt: block });
        this.#liveIndex.set(leaf, index);
        return true;
      }
      case 'revoked': {
        const record = this.#leaves[event.index];
        if (!record || record.revokedAt !== undefined) return false;
        record.revokedAt = block;
        this.#tree.set(event.index, 0n);
        this.#liveIndex.delete(record.leaf);
        this.#roots.revoke(record.registeredAt, block);
        return true;
      }
      case 'published': {
        if (event.version !== this.#parameters.length + 1) return false;
        this.#parameters.push({ version: event.version, hash: event.hash, document: event.document, block });
        return true;
      }
    }
  }

  #requireBlock(number: number): Block {
    const block = this.#blocks.at(number);
    if (!block) throw new RangeError(`block ${number} was not applied`);
    return block;
  }
}

function hex(hash: Uint8Array): string {
  return `0x${Buffer.from(hash).toString('hex')}`;
}
