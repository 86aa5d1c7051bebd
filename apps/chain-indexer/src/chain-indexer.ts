import type { BlockId, FinalizedChain } from '#libs/chain';
import { AtsError, isAtsError } from '#libs/errors';
import type { ChainBlock } from '#libs/events';

/** What has been written, and the way to write more. */
export interface BlockLog {
  /** First and newest block in the log; undefined when it is empty. */
  range(): Promise<{ first: BlockId; last: BlockId } | undefined>;
  /** The block of this number, which lies in the range. */
  find(number: number): Promise<BlockId | undefined>;
  /** Appends in order. When it fails, any first part of the blocks may have been written, then or later. */
  append(blocks: readonly ChainBlock[]): Promise<void>;
}

/** What one step came to. `node-behind`: the node has not finalized what the log already holds. */
export type Progress =
  | { status: 'written'; last: number; finalized: number }
  | { status: 'current'; last: number | undefined; finalized: number }
  | { status: 'node-behind'; last: number; finalized: number };

/** Blocks a read asks for: hosted nodes refuse larger batches. */
const BLOCKS_PER_READ = 100;

/**
 * Copies the finalized chain into the log: every block from the deployment's first one, in order, each the child of the one before.
 * Where it stands is what the log says, so that it may die at any instant. What was written before may be written once more, byte
 * for byte the same; nothing is ever left out.
 */
export class ChainIndexer {
  #last: BlockId | undefined;
  #knowsLog = false;
  #blocksPerRead = BLOCKS_PER_READ;

  constructor(private readonly chain: Pick<FinalizedChain, 'deployment' | 'head' | 'read'>, private readonly log: BlockLog) {}

  /**
   * Writes the next blocks, at most one read's worth.
   * @throws AtsError ATS_CHAIN_DIVERGED when the node's finalized chain is not the one in the log: nothing is written then;
   * ATS_DEPLOYMENT_INVALID when the log begins with another block than the deployment; and what the chain and the log throw.
   */
  async step(): Promise<Progress> {
    if (!this.#knowsLog) await this.#readLog();
    const head = await this.chain.head();
    const last = this.#last;
    if (last && head.number <= last.number) return await this.#compare(head, last);
    const from = last ? last.number + 1 : this.chain.deployment.firstBlock;
    if (head.number < from) return { status: 'current', last: last?.number, finalized: head.number };

    const blocks = await this.#read(from, Math.min(head.number, from + this.#blocksPerRead - 1));
    const [first, newest] = [blocks[0]!, blocks.at(-1)!];
    if (last && !first.parentHash.equals(last.hash)) throw diverged({ number: last.number, hash: first.parentHash }, last);
    if (newest.number === head.number && !newest.hash.equals(head.hash)) throw diverged(newest, head);
    // until the append has succeeded, only the log knows what is in it
    this.#knowsLog = false;
    await this.log.append(blocks);
    this.#last = { number: newest.number, hash: newest.hash };
    this.#knowsLog = true;
    return { status: 'written', last: newest.number, finalized: head.number };
  }

  async #readLog(): Promise<void> {
    const range = await this.log.range();
    const { firstBlock } = this.chain.deployment;
    if (range && range.first.number !== firstBlock) {
      throw new AtsError('ATS_DEPLOYMENT_INVALID', `the deployment begins with block ${firstBlock}, chain-events with block ${range.first.number}`);
    }
    this.#last = range?.last;
    this.#knowsLog = true;
  }

  /** The node has finalized nothing that the log lacks: what it has must be what the log holds. */
  async #compare(head: BlockId, last: BlockId): Promise<Progress> {
    const ours = head.number === last.number ? last : head.number < this.chain.deployment.firstBlock ? undefined : await this.log.find(head.number);
    if (ours && !ours.hash.equals(head.hash)) throw diverged(head, ours);
    return { status: head.number === last.number ? 'current' : 'node-behind', last: last.number, finalized: head.number };
  }

  /** A node that refuses a range, mostly since it holds too many logs, is asked for half of it next time. */
  async #read(from: number, to: number): Promise<ChainBlock[]> {
    try {
      const blocks = await this.chain.read(from, to);
      this.#blocksPerRead = Math.min(BLOCKS_PER_READ, 2 * this.#blocksPerRead);
      return blocks;
    } catch (error) {
      if (isAtsError(error, 'ATS_CHAIN_RPC_REFUSED')) this.#blocksPerRead = Math.max(1, this.#blocksPerRead >>> 1);
      throw error;
    }
  }
}

function diverged(found: BlockId, written: BlockId): AtsError {
  return new AtsError('ATS_CHAIN_DIVERGED', `block ${found.number} is 0x${found.hash.toString('hex')}, but was 0x${written.hash.toString('hex')} when it was finalized`);
}
