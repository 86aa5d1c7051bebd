import { z } from 'zod';
import { AtsError } from '#libs/errors';
import type { ChainBlock, ChainLog } from '#libs/events';
import { bloomHas } from './bloom.js';
import type { Deployment } from './deployment.js';
import { JsonRpc, hexBytes, quantity } from './json-rpc.js';
import { REGISTRY_TOPICS } from './registry-events.js';

const blockSchema = z.object({ number: quantity, hash: hexBytes(32), parentHash: hexBytes(32), timestamp: quantity, logsBloom: hexBytes(256) });
type RpcBlock = z.infer<typeof blockSchema>;

const logSchema = z.object({
  address: hexBytes(20), topics: z.array(hexBytes(32)).max(4), data: hexBytes(),
  blockNumber: quantity, blockHash: hexBytes(32), transactionHash: hexBytes(32), logIndex: quantity,
  removed: z.literal(false).optional(),
});
type RpcLog = z.infer<typeof logSchema>;

/** A block's place in the chain. */
export interface BlockId { number: number; hash: Buffer }

/**
 * The finalized part of the deployment's chain, as one node tells it. What it returns fits together: each block is its
 * predecessor's child, and each log is of the very block it is returned with.
 */
export class FinalizedChain {
  readonly #rpc: JsonRpc;

  constructor(rpcUrl: string, readonly deployment: Deployment) {
    this.#rpc = new JsonRpc(rpcUrl);
  }

  /** The highest finalized block. @throws AtsError ATS_CHAIN_WRONG when the node is on another chain than the deployment. */
  async head(): Promise<BlockId> {
    const [chainId, head] = await Promise.all([
      this.#rpc.call('eth_chainId', [], quantity),
      this.#rpc.call('eth_getBlockByNumber', ['finalized', false], blockSchema),
    ]);
    if (chainId !== this.deployment.chainId) {
      throw new AtsError('ATS_CHAIN_WRONG', `${this.#rpc.url} is chain ${chainId}, the deployment is on chain ${this.deployment.chainId}`);
    }
    return head;
  }

  /**
   * Blocks `from` to `to`, both included, with the logs of the deployment's contracts, as records of chain-events hold them.
   * Two requests whatever the range, and one more when a block's bloom filter says that it may have logs of ours: those are asked for by the block's
   * hash, which a node that does not have the block yet refuses, where over a range it would leave them out. The caller keeps `to` at or below the finalized head.
   * @throws AtsError ATS_CHAIN_RPC_INVALID when the parts of the answer do not fit together.
   */
  async read(from: number, to: number): Promise<ChainBlock[]> {
    const numbers = Array.from({ length: to - from + 1 }, (_, i) => from + i);
    const blocks = await this.#rpc.batch(numbers.map((number) => ({ method: 'eth_getBlockByNumber', params: [hex(number), false], result: blockSchema })));
    const { deviceRegistry, policyRegistry } = this.deployment;
    const filter = { address: [deviceRegistry, policyRegistry], topics: [REGISTRY_TOPICS] };
    const inRange = await this.#rpc.call('eth_getLogs', [{ ...filter, fromBlock: hex(from), toBlock: hex(to) }], z.array(logSchema));
    const probable = blocks.filter(({ logsBloom }) => filter.address.some((address) => bloomHas(logsBloom, address)) && REGISTRY_TOPICS.some((topic) => bloomHas(logsBloom, topic)));
    const byHash = probable.length === 0 ? [] : await this.#rpc.batch(probable.map(({ hash }) => ({ method: 'eth_getLogs', params: [{ ...filter, blockHash: `0x${hash.toString('hex')}` }], result: z.array(logSchema) })));
    const asked = new Set(probable.map(({ number }) => number));
    const logs = [...inRange.filter(({ blockNumber }) => !asked.has(blockNumber)), ...byHash.flat()];

    const logsOf = new Map(blocks.map(({ number }) => [number, [] as ChainLog[]]));
    for (const log of logs.toSorted((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex)) {
      const block = blocks[log.blockNumber - from];
      if (!block?.hash.equals(log.blockHash)) throw this.#misfit(`a log is of block ${log.blockNumber} 0x${log.blockHash.toString('hex')}, which is not the node's block`);
      logsOf.get(log.blockNumber)!.push(toChainLog(log));
    }
    return blocks.map((block, i) => {
      if (block.number !== from + i) throw this.#misfit(`asked for block ${from + i}, got ${block.number}`);
      if (i > 0 && !block.parentHash.equals(blocks[i - 1]!.hash)) throw this.#misfit(`block ${block.number} is not the child of block ${block.number - 1}`);
      return this.#toChainBlock(block, logsOf.get(block.number)!);
    });
  }

  #toChainBlock({ number, hash, parentHash, timestamp }: RpcBlock, logs: ChainLog[]): ChainBlock {
    return { chainId: this.deployment.chainId, number, hash, parentHash, timestamp: timestamp * 1000, logs };
  }

  #misfit(why: string): AtsError {
    return new AtsError('ATS_CHAIN_RPC_INVALID', `${this.#rpc.url}: ${why}`);
  }
}

function toChainLog({ address, topics, data, transactionHash, logIndex }: RpcLog): ChainLog {
  return { address, topics, data, transactionHash, logIndex };
}

function hex(number: number): string {
  return `0x${number.toString(16)}`;
}
