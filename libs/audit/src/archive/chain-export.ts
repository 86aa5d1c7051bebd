import { encodeRlp, keccak256, toBeArray } from 'ethers';
import { z } from 'zod';
import { bloomHas, hexBytes, type BlockId, type Deployment, type JsonRpc } from '#libs/chain';
import { AtsError } from '#libs/errors';
import type { ArchiveFolder } from './archive-folder.js';
import { encodeHeader, readHeader, rpcHeader, type Header, type RpcHeader } from './header.js';
import { encodeReceipt, rpcReceipt } from './receipts.js';
import { listRoot } from './trie.js';

/** Files of the chain proof. Both are concatenated RLP items. */
export const HEADERS_FILE = 'chain/headers.rlp';
/** Items `[number, [receipt, ...], [transaction, ...]]`: receipts and transactions as the tries hold them. */
export const BODIES_FILE = 'chain/bodies.rlp';

/** Headers asked for in one request. */
const BLOCKS_A_REQUEST = 100;
const TRANSACTIONS_A_REQUEST = 50;

const word = (number: number): string => `0x${number.toString(16)}`;

export interface ChainExport {
  rpc: JsonRpc;
  deployment: Deployment;
  /** The last block; every block since `deployment.firstBlock` is written. */
  head: BlockId;
  onProgress?: (done: number, total: number) => void;
}

/** The addresses whose logs an archive proves. */
export function provenAddresses({ deviceRegistry, policyRegistry, checkpointAnchor }: Deployment): string[] {
  return [deviceRegistry, policyRegistry, checkpointAnchor];
}

/** Whether a block may have logs of the deployment: false is certain. */
export function mayHaveLogs({ logsBloom }: Header, deployment: Deployment): boolean {
  return provenAddresses(deployment).some((address) => bloomHas(logsBloom, address));
}

/**
 * Writes the chain proof of a deployment: each header, linked to the one before, and all receipts and transactions of each block that may have logs of
 * ours. Nothing is written that does not prove itself, so a node that lies ends the export.
 * @throws AtsError ATS_CHAIN_RPC_INVALID, ATS_CHAIN_DIVERGED, ATS_CHAIN_UNREACHABLE, ATS_CHAIN_RPC_REFUSED
 */
export async function exportChain(folder: ArchiveFolder, { rpc, deployment, head, onProgress }: ChainExport): Promise<void> {
  const headers = await folder.create(HEADERS_FILE);
  const bodies = await folder.create(BODIES_FILE);
  try {
    let parent: Buffer | undefined;
    const total = head.number - deployment.firstBlock + 1;
    for (let from = deployment.firstBlock; from <= head.number; from += BLOCKS_A_REQUEST) {
      const numbers = Array.from({ length: Math.min(BLOCKS_A_REQUEST, head.number - from + 1) }, (_, i) => from + i);
      const blocks = await rpc.batch(numbers.map((number) => ({ method: 'eth_getBlockByNumber', params: [word(number), false], result: rpcHeader })));
      const encoded: Buffer[] = [];
      for (const [i, block] of blocks.entries()) {
        const bytes = await headerOf(rpc, block, numbers[i]!);
        const header = readHeader(bytes);
        if (header.number !== numbers[i]) throw new AtsError('ATS_CHAIN_RPC_INVALID', `${rpc.endpoint}: asked for block ${numbers[i]}, got ${header.number}`);
        if (parent !== undefined && !header.parentHash.equals(parent)) throw new AtsError('ATS_CHAIN_DIVERGED', `block ${header.number} is not the child of block ${header.number - 1}`);
        parent = header.hash;
        encoded.push(bytes);
        if (mayHaveLogs(header, deployment)) await bodies.append(await bodyOf(rpc, header));
      }
      await headers.append(Buffer.concat(encoded));
      onProgress?.(from - deployment.firstBlock + blocks.length, total);
    }
    if (parent === undefined || !parent.equals(head.hash)) throw new AtsError('ATS_CHAIN_DIVERGED', `block ${head.number} was another one a moment ago`);
  } finally {
    await Promise.all([headers.close(), bodies.close()]);
  }
}

/** A fork that this program does not know adds fields: then the node is asked for the bytes themselves. */
async function headerOf(rpc: JsonRpc, block: RpcHeader, number: number): Promise<Buffer> {
  const own = encodeHeader(block);
  if (own !== undefined) return own;
  const raw = await rpc.call('debug_getRawHeader', [word(number)], hexBytes());
  if (keccak256(raw) !== block.hash.toLowerCase()) throw new AtsError('ATS_CHAIN_RPC_INVALID', `${rpc.endpoint}: the header of block ${number} is not what its hash ${block.hash} says`);
  return raw;
}

async function bodyOf(rpc: JsonRpc, { number, hash, receiptsRoot, transactionsRoot }: Header): Promise<Buffer> {
  const receipts = (await rpc.call('eth_getBlockReceipts', [word(number)], z.array(rpcReceipt))).map(encodeReceipt);
  if (!listRoot(receipts).equals(receiptsRoot)) throw new AtsError('ATS_CHAIN_RPC_INVALID', `${rpc.endpoint}: the receipts of block ${number} are not those of its header`);
  const transactions: Buffer[] = [];
  const blockHash = `0x${hash.toString('hex')}`;
  for (let from = 0; from < receipts.length; from += TRANSACTIONS_A_REQUEST) {
    const calls = Array.from({ length: Math.min(TRANSACTIONS_A_REQUEST, receipts.length - from) }, (_, i) => ({
      method: 'eth_getRawTransactionByBlockHashAndIndex', params: [blockHash, word(from + i)], result: hexBytes(),
    }));
    transactions.push(...await rpc.batch(calls));
  }
  if (!listRoot(transactions).equals(transactionsRoot)) throw new AtsError('ATS_CHAIN_RPC_INVALID', `${rpc.endpoint}: the transactions of block ${number} are not those of its header`);
  return Buffer.from(encodeRlp([toBeArray(number), receipts, transactions]).slice(2), 'hex');
}
