import { createHash } from 'node:crypto';
import { decodeAnchorLog, logIdOf, RegistryProjection, REGISTRY_TOPICS, type Deployment } from '#libs/chain';
import { AtsError, isAtsError } from '#libs/errors';
import { decodeBlock, EventCodec, TOPIC_NAMES, type ChainBlock, type ChainLog, type TopicName } from '#libs/events';
import type { ChainSource, RecordSource } from './sources.js';

/** Blocks that are asked for at once. */
const READ_BLOCKS = 128;
const DIGEST_BYTES = 32;
const PAGE_BLOCKS = 8192;

const codec = EventCodec.fromIds(Object.fromEntries(TOPIC_NAMES.map((name) => [name, 0])) as Record<TopicName, number>);

/** A head of the log as the contract took it. */
export interface Anchor {
  readonly size: number;
  readonly root: Buffer;
  readonly transactionHash: Buffer;
  readonly block: { readonly number: number; readonly hash: Buffer; readonly timestampMs: number };
}

/**
 * What the chain says, read by the auditor: the registries' state, the log's anchors in the chain's order, and a digest of every block, to
 * compare chain-events with. 72 bytes a block in memory.
 */
export class OwnChain {
  readonly projection: RegistryProjection;
  readonly anchors: Anchor[] = [];
  /** Set when the log was closed on the chain; it has a successor then. */
  superseded = false;
  opened = false;
  /** Id of the log that this one succeeds, and the head that it ended with on the chain. */
  predecessor: { readonly logId: Buffer; readonly size: number; readonly root: Buffer } | undefined;
  /** Whether {@link digestOf} knows blocks: not when the registry was read from chain-events itself. */
  readonly hasDigests: boolean;
  readonly #logId: Buffer;
  readonly #registries: readonly Buffer[];
  readonly #anchorContract: Buffer;
  readonly #pages: Buffer[] = [];

  private constructor(private readonly deployment: Deployment, origin: string, hasDigests: boolean) {
    this.projection = new RegistryProjection(deployment);
    this.hasDigests = hasDigests;
    this.#logId = logIdOf(origin);
    this.#registries = [deployment.deviceRegistry, deployment.policyRegistry].map(addressBytes);
    this.#anchorContract = addressBytes(deployment.checkpointAnchor);
  }

  /** Nothing read yet: {@link advance} reads. */
  static of({ deployment }: Pick<ChainSource, 'deployment'>, origin: string): OwnChain {
    return new OwnChain(deployment, origin, true);
  }

  /** Without a chain: the registry as chain-events tells it, which is the operator's word. */
  static async fromRecords(records: RecordSource, deployment: Deployment, origin: string): Promise<OwnChain> {
    const chain = new OwnChain(deployment, origin, false);
    const { from, to } = await records.bounds('chain-events', 0);
    for await (const { value } of records.read('chain-events', 0, from, to)) {
      const block = blockOrNothing(value);
      if (block !== undefined) chain.projection.apply(block);
    }
    return chain;
  }

  /**
   * Reads on to a block, by default to the source's head.
   * @throws what the source throws; AtsError ATS_CHAIN_DIVERGED when its blocks do not follow each other
   */
  async advance(source: ChainSource, onBlock: (number: number, head: number) => void, to?: number): Promise<void> {
    const head = to ?? (await source.head()).number;
    for (let from = (this.projection.head?.number ?? this.deployment.firstBlock - 1) + 1; from <= head; from += READ_BLOCKS) {
      const blocks = await source.read(from, Math.min(head, from + READ_BLOCKS - 1));
      for (const block of blocks) this.#apply(block);
      onBlock(blocks.at(-1)!.number, head);
    }
  }

  /** What a record of chain-events has to hash to, as {@link digestOfBlock} does. */
  digestOf(number: number): Buffer | undefined {
    const index = number - this.deployment.firstBlock;
    if (!this.hasDigests || index < 0 || this.projection.block(number) === undefined) return undefined;
    const start = (index % PAGE_BLOCKS) * DIGEST_BYTES;
    return this.#pages[Math.floor(index / PAGE_BLOCKS)]!.subarray(start, start + DIGEST_BYTES);
  }

  /** Over everything that a verdict can depend on: the block's header and the registries' logs. */
  digestOfBlock(block: ChainBlock): Buffer {
    const logs = block.logs.filter((log) => this.#isOfRegistry(log));
    return createHash('sha256').update(codec.encode('chain-events', { ...block, logs })).digest();
  }

  /** The number of the block with this hash. A search, for what is wrong already. */
  numberOf(hash: Buffer): number | undefined {
    const { head } = this.projection;
    for (let number = head?.number ?? -1; number >= this.deployment.firstBlock; number--) {
      if (this.projection.block(number)!.hash.equals(hash)) return number;
    }
    return undefined;
  }

  #apply(block: ChainBlock): void {
    const registry = { ...block, logs: block.logs.filter((log) => this.#isOfRegistry(log)) };
    if (!this.projection.apply(registry)) return;
    const index = block.number - this.deployment.firstBlock;
    if (index % PAGE_BLOCKS === 0) this.#pages.push(Buffer.alloc(PAGE_BLOCKS * DIGEST_BYTES));
    this.digestOfBlock(registry).copy(this.#pages.at(-1)!, (index % PAGE_BLOCKS) * DIGEST_BYTES);
    for (const log of block.logs) if (this.#anchorContract.equals(log.address)) this.#applyAnchorLog(log, block);
  }

  #applyAnchorLog(log: ChainLog, { number, hash, timestamp }: ChainBlock): void {
    const event = decodeAnchorLog(log); // undefined: roles, and what the contract cannot have emitted
    if (event?.type === 'superseded' && event.successor.equals(this.#logId)) this.predecessor = event;
    if (event === undefined || !event.logId.equals(this.#logId)) return;
    if (event.type === 'opened') this.opened = true;
    else if (event.type === 'superseded') this.superseded = true;
    else this.anchors.push({ size: event.size, root: event.root, transactionHash: log.transactionHash, block: { number, hash, timestampMs: timestamp } });
  }

  #isOfRegistry({ address, topics }: ChainLog): boolean {
    return topics[0] !== undefined && REGISTRY_TOPICS.includes(`0x${topics[0].toString('hex')}`) && this.#registries.some((registry) => registry.equals(address));
  }
}

/** The block in a record, when it is one. */
export function blockOrNothing(value: Buffer | null): ChainBlock | undefined {
  try {
    return decodeBlock(value);
  } catch (error) {
    if (isAtsError(error, 'ATS_EVENT_MALFORMED')) return undefined;
    throw error;
  }
}

function addressBytes(address: string): Buffer {
  if (!/^0x[0-9a-fA-F]{40}$/.test(address)) throw new AtsError('ATS_DEPLOYMENT_INVALID', `${address} is no address`);
  return Buffer.from(address.slice(2), 'hex');
}
