import { join } from 'node:path';
import { decodeRlp, keccak256 } from 'ethers';
import type { BlockId, Deployment } from '#libs/chain';
import { AtsError } from '#libs/errors';
import type { ChainBlock, ChainLog } from '#libs/events';
import { BODIES_FILE, HEADERS_FILE, mayHaveLogs, provenAddresses } from './chain-export.js';
import { readFrames, rlpLength } from './frames.js';
import { invalid, readHeader, type Header } from './header.js';
import { receiptLogs } from './receipts.js';
import { listRoot } from './trie.js';

/** Where reading can begin is remembered for every block with a number divisible by this, and for every body. */
const STRIDE = 16;

/**
 * The deployment's chain out of an archive. Every block is its predecessor's child up to a head whose hash the auditor knows, and every log is in receipts
 * whose root is in its block's header: with that one hash, nothing here can be made up, moved or left out.
 */
export class ChainArchive {
  /** Byte in the headers' file of block `firstBlock + i * STRIDE`. */
  readonly #marks: number[] = [];
  /** Byte in the bodies' file, by block. */
  readonly #bodies = new Map<number, number>();
  #head!: BlockId;

  private constructor(private readonly dir: string, readonly deployment: Deployment) {}

  /**
   * Checks the whole proof, in one pass over its files.
   * @param blockHash what the auditor brings: the hash of the archive's last block. Without it, the archive's own word for its head is taken.
   * @throws AtsError ATS_ARCHIVE_CHAIN_INVALID, ATS_ARCHIVE_UNANCHORED, ATS_ARCHIVE_DAMAGED
   */
  static async open(dir: string, deployment: Deployment, blockHash?: Buffer): Promise<ChainArchive> {
    const archive = new ChainArchive(dir, deployment);
    await archive.#verify();
    if (blockHash !== undefined && !archive.#head.hash.equals(blockHash)) {
      throw new AtsError('ATS_ARCHIVE_UNANCHORED', `it ends in block ${archive.#head.number} 0x${archive.#head.hash.toString('hex')}, 0x${blockHash.toString('hex')} was brought`);
    }
    return archive;
  }

  async head(): Promise<BlockId> {
    return this.#head;
  }

  /** Blocks `from` to `to`, both included, with the logs of the deployment's contracts. */
  async read(from: number, to: number): Promise<ChainBlock[]> {
    const { firstBlock, chainId } = this.deployment;
    if (from < firstBlock || to > this.#head.number) throw invalid(`it has the blocks ${firstBlock} to ${this.#head.number}, asked for were ${from} to ${to}`);
    const blocks: ChainBlock[] = [];
    const start = this.#marks[Math.floor((from - firstBlock) / STRIDE)]!;
    for await (const frames of readFrames(join(this.dir, HEADERS_FILE), rlpLength, start)) {
      for (const { bytes } of frames) {
        const { number, hash, parentHash, timestamp } = readHeader(bytes);
        if (number > to) return blocks;
        if (number < from) continue;
        const body = this.#bodies.get(number);
        blocks.push({ chainId, number, hash, parentHash, timestamp: timestamp * 1000, logs: body === undefined ? [] : await this.#logsAt(body) });
      }
    }
    return blocks;
  }

  /** Headers that link, and to each that may have logs of ours the receipts and transactions that its roots commit to. */
  async #verify(): Promise<void> {
    const bodies = this.#bodiesInOrder();
    let previous: Header | undefined;
    for await (const frames of readFrames(join(this.dir, HEADERS_FILE), rlpLength)) {
      for (const { at, bytes } of frames) {
        const header = readHeader(bytes);
        const expected = previous === undefined ? this.deployment.firstBlock : previous.number + 1;
        if (header.number !== expected) throw invalid(`block ${expected} is missing: the next header is of block ${header.number}`);
        if (previous !== undefined && !header.parentHash.equals(previous.hash)) throw invalid(`block ${header.number} is not the child of block ${previous.number}`);
        if ((header.number - this.deployment.firstBlock) % STRIDE === 0) this.#marks.push(at);
        if (mayHaveLogs(header, this.deployment)) this.#verifyBody(header, (await bodies.next()).value ?? undefined);
        previous = header;
      }
    }
    if (previous === undefined) throw invalid('it has no block');
    const surplus = await bodies.next();
    if (!surplus.done) throw invalid(`the receipts of block ${surplus.value.body.number} belong to no block that needs them`);
    this.#head = { number: previous.number, hash: previous.hash };
  }

  #verifyBody({ number, receiptsRoot, transactionsRoot }: Header, found: { at: number; body: Body } | undefined): void {
    if (found?.body.number !== number) throw invalid(`block ${number} may have logs of the deployment, and its receipts are missing`);
    if (!listRoot(found.body.receipts).equals(receiptsRoot)) throw invalid(`the receipts of block ${number} are not those of its header`);
    if (!listRoot(found.body.transactions).equals(transactionsRoot)) throw invalid(`the transactions of block ${number} are not those of its header`);
    this.#bodies.set(number, found.at);
  }

  async *#bodiesInOrder(): AsyncGenerator<{ at: number; body: Body }, void, undefined> {
    for await (const frames of readFrames(join(this.dir, BODIES_FILE), rlpLength)) {
      for (const { at, bytes } of frames) yield { at, body: readBody(bytes) };
    }
  }

  async #logsAt(at: number): Promise<ChainLog[]> {
    const ours = new Set(provenAddresses(this.deployment).map((address) => address.slice(2).toLowerCase()));
    for await (const [frame] of readFrames(join(this.dir, BODIES_FILE), rlpLength, at)) {
      const { receipts, transactions } = readBody(frame!.bytes);
      let logIndex = 0;
      return receipts.flatMap((receipt, i) => {
        const transactionHash = Buffer.from(keccak256(transactions[i]!).slice(2), 'hex');
        return receiptLogs(receipt).map((log) => ({ ...log, transactionHash, logIndex: logIndex++ }));
      }).filter(({ address }) => ours.has(address.toString('hex')));
    }
    return [];
  }
}

interface Body { number: number; receipts: Buffer[]; transactions: Buffer[] }

function readBody(rlp: Buffer): Body {
  try {
    const [number, receipts, transactions] = decodeRlp(rlp) as [string, string[], string[]];
    const bytes = (hex: string) => Buffer.from(hex.slice(2), 'hex');
    if (receipts.length !== transactions.length) throw new RangeError('a receipt a transaction');
    return { number: number === '0x' ? 0 : Number(number), receipts: receipts.map(bytes), transactions: transactions.map(bytes) };
  } catch {
    throw invalid('an item of the receipts is not RLP of a block\'s receipts and transactions');
  }
}
