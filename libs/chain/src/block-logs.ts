import { z } from 'zod';
import { AtsError } from '#libs/errors';
import { bloomHas } from './bloom.js';
import { hexBytes, quantity, type JsonRpc } from './json-rpc.js';

export const blockSchema = z.object({ number: quantity, hash: hexBytes(32), parentHash: hexBytes(32), timestamp: quantity, logsBloom: hexBytes(256) });
/** `timestamp`: seconds. */
export type RpcBlock = z.infer<typeof blockSchema>;

const logSchema = z.object({
  address: hexBytes(20), topics: z.array(hexBytes(32)).max(4), data: hexBytes(),
  blockNumber: quantity, blockHash: hexBytes(32), transactionHash: hexBytes(32), logIndex: quantity,
  removed: z.literal(false).optional(),
});
export type RpcLog = z.infer<typeof logSchema>;

/** Whose logs, and which events by their first topic; hex. */
export interface LogFilter { addresses: readonly string[]; topics: readonly string[] }

export interface BlockLogs { block: RpcBlock; logs: RpcLog[] }

/**
 * Blocks `from` to `to`, both included, with the logs that the filter names. What it returns fits together: each block is its
 * predecessor's child, and each log is of the very block it is returned with and of one of the contracts.
 * Two requests whatever the range, and one more when a block's bloom filter says that it may have logs of ours: those are asked for by the block's
 * hash, which a node that does not have the block yet refuses, where over a range it would leave them out. The caller keeps `to` at or below the finalized head.
 * @throws AtsError ATS_CHAIN_RPC_INVALID when the parts of the answer do not fit together; else as {@link JsonRpc}.
 */
export async function readBlockLogs(rpc: JsonRpc, { addresses, topics }: LogFilter, from: number, to: number): Promise<BlockLogs[]> {
  const numbers = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const blocks = await rpc.batch(numbers.map((number) => ({ method: 'eth_getBlockByNumber', params: [hexNumber(number), false], result: blockSchema })));
  const filter = { address: addresses, topics: [topics] };
  const inRange = await rpc.call('eth_getLogs', [{ ...filter, fromBlock: hexNumber(from), toBlock: hexNumber(to) }], z.array(logSchema));
  const probable = blocks.filter(({ logsBloom }) => addresses.some((address) => bloomHas(logsBloom, address)) && topics.some((topic) => bloomHas(logsBloom, topic)));
  const byHash = probable.length === 0 ? [] : await rpc.batch(probable.map(({ hash }) => ({ method: 'eth_getLogs', params: [{ ...filter, blockHash: `0x${hash.toString('hex')}` }], result: z.array(logSchema) })));
  const asked = new Set(probable.map(({ number }) => number));
  const logs = [...inRange.filter(({ blockNumber }) => !asked.has(blockNumber)), ...byHash.flat()];

  const contracts = new Set(addresses.map((address) => address.toLowerCase()));
  const logsOf = new Map(blocks.map(({ number }) => [number, [] as RpcLog[]]));
  for (const log of logs.toSorted((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex)) {
    const block = blocks[log.blockNumber - from];
    if (!block?.hash.equals(log.blockHash)) throw misfit(rpc, `a log is of block ${log.blockNumber} 0x${log.blockHash.toString('hex')}, which is not the node's block`);
    const address = `0x${log.address.toString('hex')}`;
    if (!contracts.has(address)) throw misfit(rpc, `log ${log.logIndex} of block ${log.blockNumber} is of ${address}, which was not asked for`);
    logsOf.get(log.blockNumber)!.push(log);
  }
  return blocks.map((block, i) => {
    if (block.number !== from + i) throw misfit(rpc, `asked for block ${from + i}, got ${block.number}`);
    if (i > 0) requireChild(rpc, blocks[i - 1]!, block);
    return { block, logs: logsOf.get(block.number)! };
  });
}

/** @throws AtsError ATS_CHAIN_RPC_INVALID when `block` is not the child of `parent`. */
export function requireChild(rpc: JsonRpc, parent: RpcBlock, block: RpcBlock): void {
  if (!block.parentHash.equals(parent.hash)) throw misfit(rpc, `block ${block.number} is not the child of block ${parent.number}`);
}

export function misfit(rpc: JsonRpc, why: string): AtsError {
  return new AtsError('ATS_CHAIN_RPC_INVALID', `${rpc.endpoint}: ${why}`);
}

export function hexNumber(number: number): string {
  return `0x${number.toString(16)}`;
}

/** The highest finalized block of the chain that is meant. @throws AtsError ATS_CHAIN_WRONG when the node is on another. */
export async function finalizedHead(rpc: JsonRpc, { chainId }: { chainId: number }): Promise<RpcBlock> {
  const [found, head] = await Promise.all([
    rpc.call('eth_chainId', [], quantity),
    rpc.call('eth_getBlockByNumber', ['finalized', false], blockSchema),
  ]);
  if (found !== chainId) throw new AtsError('ATS_CHAIN_WRONG', `${rpc.endpoint} is chain ${found}, the deployment is on chain ${chainId}`);
  return head;
}
