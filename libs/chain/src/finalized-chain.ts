import { Interface } from 'ethers';
import { AtsError } from '#libs/errors';
import type { ChainBlock, ChainLog } from '#libs/events';
import { ANCHOR_TOPICS } from './anchor-events.js';
import { finalizedHead, readBlockLogs, type RpcBlock, type RpcLog } from './block-logs.js';
import { policyRegistryContract } from './contracts.generated.js';
import type { Deployment } from './deployment.js';
import { JsonRpc, hexBytes } from './json-rpc.js';
import { REGISTRY_TOPICS } from './registry-events.js';

const policy = new Interface(policyRegistryContract.abi);

/** A block's place in the chain. */
export interface BlockId { number: number; hash: Buffer }

/**
 * The finalized part of the deployment's chain, as one node tells it. What it returns fits together: each block is its
 * predecessor's child, and each log is of the very block it is returned with.
 */
export class FinalizedChain {
  readonly #rpc: JsonRpc;
  #lagIsRight = false;

  /**
   * @param contracts whose logs the blocks come with: chain-events has the registries', an auditor wants the log's anchors as well
   * @param signal ends every request, with ATS_CHAIN_UNREACHABLE
   */
  constructor(rpcUrl: string, readonly deployment: Deployment, private readonly contracts: 'registries' | 'all' = 'registries', signal?: AbortSignal) {
    this.#rpc = new JsonRpc(rpcUrl, undefined, undefined, signal);
  }

  /**
   * The highest finalized block.
   * @throws AtsError ATS_CHAIN_WRONG when the node is on another chain than the deployment; for an auditor also when PolicyRegistry fixes another lag
   * than the deployment says
   */
  async head(): Promise<BlockId> {
    const head = await finalizedHead(this.#rpc, this.deployment);
    if (this.contracts === 'all') await this.#requireLag();
    return head;
  }

  /** Every registry block of every verdict follows from it, and whoever wrote the file may have written another. It never changes, so any block tells it. */
  async #requireLag(): Promise<void> {
    if (this.#lagIsRight) return;
    const { policyRegistry, registryLagSeconds } = this.deployment;
    const answer = await this.#rpc.call('eth_call', [{ to: policyRegistry, data: policy.encodeFunctionData('registryLagSeconds') }, 'latest'], hexBytes());
    if (answer.length !== 32) throw new AtsError('ATS_CHAIN_WRONG', `${this.#rpc.endpoint}: there is no PolicyRegistry at ${policyRegistry}`);
    const fixed = BigInt(`0x${answer.toString('hex')}`);
    if (fixed !== BigInt(registryLagSeconds)) throw new AtsError('ATS_CHAIN_WRONG', `the deployment says registryLagSeconds ${registryLagSeconds}, PolicyRegistry at ${policyRegistry} fixes ${fixed}`, { todo: 'Bring the deployment file of these contracts.' });
    this.#lagIsRight = true;
  }

  /**
   * Blocks `from` to `to`, both included, with the logs of the deployment's contracts; those of the registries alone are what records of chain-events
   * hold. The caller keeps `to` at or below the finalized head.
   * @throws AtsError as {@link readBlockLogs} does.
   */
  async read(from: number, to: number): Promise<ChainBlock[]> {
    const { deviceRegistry, policyRegistry, checkpointAnchor } = this.deployment;
    const registries = [deviceRegistry, policyRegistry];
    const filter = this.contracts === 'registries'
      ? { addresses: registries, topics: REGISTRY_TOPICS }
      : { addresses: [...registries, checkpointAnchor], topics: [...REGISTRY_TOPICS, ...ANCHOR_TOPICS] };
    const blocks = await readBlockLogs(this.#rpc, filter, from, to);
    return blocks.map(({ block, logs }) => this.#toChainBlock(block, logs.map(toChainLog)));
  }

  #toChainBlock({ number, hash, parentHash, timestamp }: RpcBlock, logs: ChainLog[]): ChainBlock {
    return { chainId: this.deployment.chainId, number, hash, parentHash, timestamp: timestamp * 1000, logs };
  }
}

function toChainLog({ address, topics, data, transactionHash, logIndex }: RpcLog): ChainLog {
  return { address, topics, data, transactionHash, logIndex };
}
