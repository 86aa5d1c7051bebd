import { startManualChain, FINAL_AFTER } from '../../../libs/anchor/test/manual-chain.js';

/** A real node of which blocks are made and undone on demand. */
export interface ChaosNode {
  readonly url: string;
  readonly chainId: number;
  readonly contract: string;
  readonly logId: string;
  readonly key: string;
  readonly address: string;
  /** Blocks until one is final: a reorganisation undoes fewer. */
  readonly finalAfter: number;
  mine(blocks?: number): Promise<void>;
  /** Replaces the newest blocks by others without their transactions. False when there is nothing that may be undone now. */
  reorganise(depth: number): Promise<boolean>;
  /** As a node that is restarted: what waits to be mined is gone. False where that can't be asked for. */
  forgetPool(): Promise<boolean>;
  /** The price of the next block; it falls again while blocks are empty. False where it can't be set. */
  raiseBaseFee(wei: bigint): Promise<boolean>;
  stop(): Promise<void>;
}

export async function anvilNode(): Promise<ChaosNode> {
  const chain = await startManualChain();
  return {
    url: chain.url, chainId: chain.deployment.chainId, contract: chain.deployment.checkpointAnchor, logId: `0x${chain.logId.toString('hex')}`, key: chain.key, address: chain.address,
    finalAfter: FINAL_AFTER,
    mine: (blocks) => chain.mine(blocks),
    reorganise: async (depth) => { await chain.rpc('anvil_reorg', Math.min(depth, FINAL_AFTER - 1), []); return true; },
    forgetPool: async () => { await chain.rpc('anvil_dropAllTransactions'); return true; },
    raiseBaseFee: async (wei) => { await chain.rpc('anvil_setNextBlockBaseFeePerGas', `0x${wei.toString(16)}`); return true; },
    stop: () => chain.stop(),
  };
}
