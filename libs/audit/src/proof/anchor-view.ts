import { checkpointAnchorContract, anchoredHead, decodeAnchorLog, finalizedHead, hexBytes, logIdOf, quantity, type BlockId, type Deployment, type JsonRpc } from '#libs/chain';
import { Interface, zeroPadValue, toBeHex } from 'ethers';
import { z } from 'zod';
import type { TreeHead } from '#libs/log';
import type { ChainSource } from '../sources.js';

/** A head of a log that the chain has taken for good; `block` and `transaction` where they are known. */
export interface AnchoredHead extends TreeHead { block?: number; transaction?: Buffer }

/** What a chain says of one log. */
export interface AnchorView {
  /** Where it is from, for a person. */
  readonly place: string;
  /** The newest head in a finalized block. */
  newest(): Promise<AnchoredHead | undefined>;
  /** The head of exactly this size, when there was one. */
  ofSize(size: number): Promise<AnchoredHead | undefined>;
}

const ANCHORED = new Interface(checkpointAnchorContract.abi).getEvent('Anchored')!.topicHash;
const logSchema = z.object({ topics: z.array(hexBytes(32)), data: hexBytes(), blockNumber: quantity, transactionHash: hexBytes(32) });

/** The auditor's own node. @throws AtsError ATS_CHAIN_WRONG when it is on another chain */
export async function anchorsOnNode(rpc: JsonRpc, deployment: Deployment, origin: string): Promise<AnchorView> {
  const finalized: BlockId = await finalizedHead(rpc, deployment);
  const logId = logIdOf(origin);
  return {
    place: `chain ${deployment.chainId}, finalized block ${finalized.number}`,
    newest: () => anchoredHead({ rpc, deployment, logId, block: { blockHash: finalized.hash } }),
    async ofSize(size) {
      const filter = {
        address: deployment.checkpointAnchor, fromBlock: `0x${deployment.firstBlock.toString(16)}`, toBlock: `0x${finalized.number.toString(16)}`,
        topics: [ANCHORED, `0x${logId.toString('hex')}`, zeroPadValue(toBeHex(size), 32)],
      };
      const [log] = await rpc.call('eth_getLogs', [filter], z.array(logSchema));
      return log && headOf(log, logId, log.blockNumber, size);
    },
  };
}

/** The chain out of an archive. */
export async function anchorsInChain(chain: ChainSource, origin: string): Promise<AnchorView> {
  const BLOCKS_AT_ONCE = 1024;
  const logId = logIdOf(origin);
  const head = await chain.head();
  const bySize = new Map<number, AnchoredHead>();
  for (let from = chain.deployment.firstBlock; from <= head.number; from += BLOCKS_AT_ONCE) {
    for (const { number, logs } of await chain.read(from, Math.min(from + BLOCKS_AT_ONCE - 1, head.number))) {
      for (const log of logs) {
        if (`0x${log.address.toString('hex')}` !== chain.deployment.checkpointAnchor.toLowerCase()) continue;
        const anchored = headOf(log, logId, number);
        if (anchored) bySize.set(anchored.size, anchored);
      }
    }
  }
  const newest = [...bySize.values()].at(-1);
  return { place: `chain ${chain.deployment.chainId} as archived up to block ${head.number}`, newest: async () => newest, ofSize: async (size) => bySize.get(size) };
}

function headOf(log: { topics: readonly Uint8Array[]; data: Uint8Array; transactionHash: Buffer }, logId: Buffer, block: number, size?: number): AnchoredHead | undefined {
  const event = decodeAnchorLog(log);
  if (event?.type !== 'anchored' || !event.logId.equals(logId) || (size !== undefined && event.size !== size)) return undefined;
  return { size: event.size, root: event.root, block, transaction: log.transactionHash };
}
