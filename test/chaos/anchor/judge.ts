/**
 * What really happened, from the chain alone. It shares no code with the worker but the contract's interface: it asks one honest node, block
 * by block, for everything that the account sent and everything that the contract said.
 */
import { Interface } from 'ethers';
import { z } from 'zod';
import { JsonRpc, checkpointAnchorContract } from '#libs/chain';

/** What the workers said of themselves, in order, over all their lives. */
export type Claim =
  | { type: 'planned' | 'mined' | 'reorganised' | 'replanned' | 'adopted' | 'overtaken'; size: number; root: string }
  | { type: 'final'; size: number; root: string; tx: string; blockHash: string }
  | { type: 'signed' | 'raised'; size: number }
  | { type: 'problem' | 'endpoint-out' | 'endpoint-contradicts'; code: string }
  | { type: 'born' };

export interface Verdict {
  planned: number;
  anchored: number;
  /** Sizes that more than one mined transaction of the account was for. */
  duplicated: number[];
  /** Planned, and not on the chain with their root. */
  skipped: number[];
  /** On the chain, and never planned or not the log's. */
  foreign: number[];
  /** Called final, and not in that block of the chain. */
  falselyFinal: number[];
  /** Transactions of the account that failed. */
  failed: string[];
  /** Whether sizes grow along the chain. */
  inOrder: boolean;
}

const contract = new Interface(checkpointAnchorContract.abi);
const anchoredTopic = contract.getEvent('Anchored')!.topicHash;
const transaction = z.object({ hash: z.string(), from: z.string(), input: z.string() });
const blockSchema = z.object({ hash: z.string(), transactions: z.array(transaction) });
const receiptSchema = z.object({ status: z.string(), blockHash: z.string(), logs: z.array(z.object({ address: z.string(), topics: z.array(z.string()), data: z.string() })) });
const BLOCKS_A_REQUEST = 100;

export function clean({ duplicated, skipped, foreign, falselyFinal, failed, inOrder }: Verdict): boolean {
  return inOrder && [duplicated, skipped, foreign, falselyFinal, failed].every((list) => list.length === 0);
}

/** `rootOf`: the true root of the log at a size, as hex. */
export async function judge({ url, address, logId, contract: at, claims, rootOf }: {
  url: string; address: string; logId: string; contract: string; claims: readonly Claim[]; rootOf: (size: number) => string;
}): Promise<Verdict> {
  const rpc = new JsonRpc(url, 60_000);
  const height = Number(await rpc.call('eth_blockNumber', [], z.string()));
  const anchors: { size: number; root: string; tx: string; blockHash: string }[] = [];
  const sentFor: number[] = [];
  const failed: string[] = [];
  for (let from = 0; from <= height; from += BLOCKS_A_REQUEST) {
    const numbers = Array.from({ length: Math.min(BLOCKS_A_REQUEST, height + 1 - from) }, (_, i) => `0x${(from + i).toString(16)}`);
    const blocks = await rpc.batch(numbers.map((number) => ({ method: 'eth_getBlockByNumber', params: [number, true], result: blockSchema })));
    for (const { hash, input } of blocks.flatMap(({ transactions }) => transactions).filter((item) => item.from.toLowerCase() === address.toLowerCase())) {
      const receipt = await rpc.call('eth_getTransactionReceipt', [hash], receiptSchema);
      sentFor.push(Number(contract.decodeFunctionData('anchor', input)[1]));
      if (Number(receipt.status) !== 1) failed.push(hash);
      for (const { topics, data } of receipt.logs.filter((log) => log.address.toLowerCase() === at.toLowerCase() && log.topics[0] === anchoredTopic && log.topics[1] === logId)) {
        anchors.push({ size: Number(topics[2]), root: data.slice(2), tx: hash, blockHash: receipt.blockHash });
      }
    }
  }
  const planned = new Map(claims.flatMap((claim): [number, string][] => (claim.type === 'planned' ? [[claim.size, claim.root]] : [])));
  const onChain = (size: number, root: string): boolean => anchors.some((anchor) => anchor.size === size && anchor.root === root);
  return {
    planned: planned.size,
    anchored: anchors.length,
    duplicated: [...new Set(sentFor.filter((size, i) => sentFor.indexOf(size) !== i))],
    skipped: [...planned].filter(([size, root]) => !onChain(size, root)).map(([size]) => size),
    foreign: anchors.filter(({ size, root }) => planned.get(size) !== root || rootOf(size) !== root).map(({ size }) => size),
    falselyFinal: claims.filter((claim) => claim.type === 'final')
      .filter(({ size, tx, blockHash }) => !anchors.some((anchor) => anchor.size === size && anchor.tx === tx && anchor.blockHash === blockHash)).map(({ size }) => size),
    failed,
    inOrder: anchors.every(({ size }, i) => i === 0 || size > anchors[i - 1]!.size),
  };
}
