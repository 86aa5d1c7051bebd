import { Interface, hexlify } from 'ethers';
import { AtsError } from '#libs/errors';
import { finalizedHead, misfit, readBlockLogs, requireChild, type RpcBlock, type RpcLog } from './block-logs.js';
import { logIdOf } from './checkpoint-anchor.js';
import { checkpointAnchorContract } from './contracts.generated.js';
import type { Deployment } from './deployment.js';
import type { JsonRpc } from './json-rpc.js';

/** Where the chain reported it. `blockTimeMs`: milliseconds since the Unix epoch. */
export interface AnchorEventPlace { logId: Buffer; blockNumber: number; blockHash: Buffer; blockTimeMs: number; transactionHash: Buffer; logIndex: number }

/** What CheckpointAnchor reports of its logs. `superseded`: size and root are the log's last head, 0 and zeros when it never had one. */
export type AnchorEvent = AnchorEventPlace & (
  | { type: 'opened'; origin: string; predecessor: Buffer | undefined }
  | { type: 'anchored'; size: number; root: Buffer }
  | { type: 'superseded'; size: number; root: Buffer; successor: Buffer }
);

export interface AnchorEventsParameters {
  rpc: JsonRpc;
  deployment: Pick<Deployment, 'chainId' | 'checkpointAnchor'>;
  fromBlock: number;
  /** At or below the finalized head. */
  toBlock: number;
  /** After each piece of the range: the last block that was read. */
  onProgress?: (blockNumber: number) => void;
}

const contract = new Interface(checkpointAnchorContract.abi);
/** First topics of the events: the roles' are of no concern here. */
export const ANCHOR_TOPICS: readonly string[] = ['LogOpened', 'Anchored', 'LogSuperseded'].map((name) => contract.getEvent(name)!.topicHash);
/** Headers a request: providers bound batches, and an answer of 128 headers is about 200 kB. */
const BLOCKS_A_READ = 128;

/**
 * Every event of the contract in the finalized blocks of the range, in the chain's order, of all its logs. The blocks are an unbroken chain, each
 * log is of the block it comes with, and none that a block's bloom filter announces is left out ({@link readBlockLogs}).
 * @throws AtsError ATS_CHAIN_RPC_INVALID when the answers do not fit together, name an event that the contract cannot have emitted, or when the range is
 * not final on this node; ATS_CHAIN_WRONG; else as {@link JsonRpc}.
 */
export async function anchorEvents({ rpc, deployment, fromBlock, toBlock, onProgress }: AnchorEventsParameters): Promise<AnchorEvent[]> {
  const head = await finalizedHead(rpc, deployment);
  if (toBlock > head.number) throw new AtsError('ATS_CHAIN_RPC_INVALID', `${rpc.endpoint}: block ${toBlock} is asked for, the node has finalized ${head.number}`);
  const filter = { addresses: [deployment.checkpointAnchor], topics: ANCHOR_TOPICS };
  const events: AnchorEvent[] = [];
  let parent: RpcBlock | undefined;
  for (let from = fromBlock; from <= toBlock; from += BLOCKS_A_READ) {
    const blocks = await readBlockLogs(rpc, filter, from, Math.min(from + BLOCKS_A_READ - 1, toBlock));
    if (parent) requireChild(rpc, parent, blocks[0]!.block);
    for (const { block, logs } of blocks) events.push(...logs.map((log) => toEvent(rpc, block, log)));
    parent = blocks.at(-1)!.block;
    onProgress?.(parent.number);
  }
  return events;
}

function toEvent(rpc: JsonRpc, block: RpcBlock, log: RpcLog): AnchorEvent {
  const event = decodeAnchorLog(log);
  if (!event) throw misfit(rpc, `log ${log.logIndex} of block ${block.number} is no event of CheckpointAnchor`);
  return { ...event, blockNumber: block.number, blockHash: block.hash, blockTimeMs: block.timestamp * 1000, transactionHash: log.transactionHash, logIndex: log.logIndex };
}

type Decoded<T = AnchorEvent> = T extends unknown ? Omit<T, Exclude<keyof AnchorEventPlace, 'logId'>> : never;

/** The event that a log of CheckpointAnchor holds; undefined for what the contract cannot have emitted. */
export function decodeAnchorLog({ topics, data }: { topics: readonly Uint8Array[]; data: Uint8Array }): Decoded | undefined {
  try {
    const parsed = contract.parseLog({ topics: topics.map((topic) => hexlify(topic)), data: hexlify(data) });
    if (!parsed) return undefined;
    const bytes = (name: string): Buffer => Buffer.from(String(parsed.args.getValue(name)).slice(2), 'hex');
    const size = (): number => {
      const value = BigInt(String(parsed.args.getValue('size')));
      if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError('no size of a log');
      return Number(value);
    };
    const logId = bytes('logId');
    switch (parsed.name) {
      case 'LogOpened': {
        const origin = String(parsed.args.getValue('origin'));
        const predecessor = bytes('predecessor');
        return logIdOf(origin).equals(logId) ? { type: 'opened', logId, origin, predecessor: predecessor.some(Boolean) ? predecessor : undefined } : undefined;
      }
      case 'Anchored':
        return { type: 'anchored', logId, size: size(), root: bytes('root') };
      case 'LogSuperseded':
        return { type: 'superseded', logId, size: size(), root: bytes('root'), successor: bytes('successor') };
      default:
        return undefined;
    }
  } catch {
    return undefined; // ethers throws on what is not the event's ABI encoding
  }
}
