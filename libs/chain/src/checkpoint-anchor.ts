import { Interface, keccak256 } from 'ethers';
import { AtsError } from '#libs/errors';
import { hexNumber } from './block-logs.js';
import { checkpointAnchorContract } from './contracts.generated.js';
import type { Deployment } from './deployment.js';
import { JsonRpc, hexBytes } from './json-rpc.js';
import { sendTransaction, type Sender } from './transactions.js';

const contract = new Interface(checkpointAnchorContract.abi);

type Anchor = Pick<Deployment, 'checkpointAnchor'>;
interface Mined { blockNumber: number; transactionHash: Buffer }

export interface OpenLogParameters extends Sender {
  deployment: Anchor;
  /** The log's name: the first line of its checkpoints. */
  origin: string;
}
export interface OpenedLog extends Mined { logId: Buffer }

export interface SupersedeLogParameters extends Sender {
  deployment: Anchor;
  logId: Uint8Array;
  successorOrigin: string;
}

/** A log's name on chain: keccak256 of its origin's UTF-8 bytes. */
export function logIdOf(origin: string): Buffer {
  return Buffer.from(keccak256(Buffer.from(origin)).slice(2), 'hex');
}

/** Opens a log on chain, once for all. Mined, not yet final. @throws AtsError as sendTransaction does. */
export async function openLog({ rpcUrl, key, deployment, origin }: OpenLogParameters): Promise<OpenedLog> {
  return { logId: logIdOf(origin), ...(await send({ rpcUrl, key }, deployment, 'open', [origin])) };
}

/** Ends a log at its anchored head, for good, and opens its successor: `logId` is the successor's. @throws AtsError as sendTransaction does. */
export async function supersedeLog({ rpcUrl, key, deployment, logId, successorOrigin }: SupersedeLogParameters): Promise<OpenedLog> {
  return { logId: logIdOf(successorOrigin), ...(await send({ rpcUrl, key }, deployment, 'supersede', [logId, successorOrigin])) };
}

/** Lets an account anchor, beside those that may already. @throws AtsError as sendTransaction does. */
export async function grantAnchorRole({ rpcUrl, key, deployment, account }: Sender & { deployment: Anchor; account: string }): Promise<Mined> {
  return send({ rpcUrl, key }, deployment, 'grantRole', [ANCHOR_ROLE, account]);
}

/** keccak256("ANCHOR_ROLE"), as the contract has it. */
export const ANCHOR_ROLE = keccak256(Buffer.from('ANCHOR_ROLE'));

/** The state to read at: a tag, a height, or a block by its hash, which a reorganisation cannot change under the reader. */
export type BlockRef = 'latest' | 'safe' | 'finalized' | number | { blockHash: Uint8Array };

export type ReadLogParameters = ({ rpc: JsonRpc } | { rpcUrl: string }) & { deployment: Anchor; logId: Uint8Array; block?: BlockRef };

/**
 * The newest head that the chain has taken of a log; undefined before the first, also of a log that was never opened.
 * @throws AtsError ATS_CHAIN_RPC_INVALID, also when there is no contract; ATS_CHAIN_UNREACHABLE; RpcRefusal.
 */
export async function anchoredHead(parameters: ReadLogParameters): Promise<{ size: number; root: Buffer } | undefined> {
  const [size, root] = await read(parameters, 'head');
  return size === 0n ? undefined : { size: Number(size), root: Buffer.from(String(root).slice(2), 'hex') };
}

export type LogStatus = 'absent' | 'open' | 'superseded';
const STATUSES = ['absent', 'open', 'superseded'] as const satisfies readonly LogStatus[];

/** What has become of a log on chain. @throws AtsError as {@link anchoredHead} does. */
export async function logStatus(parameters: ReadLogParameters): Promise<LogStatus> {
  const [status] = await read(parameters, 'statusOf');
  return STATUSES[Number(status)] ?? 'absent';
}

/** The call data of an anchor. `proof`: RFC 6962 consistency from the anchored head, empty for the first. */
export function anchorCallData({ logId, size, root, proof }: { logId: Uint8Array; size: number; root: Uint8Array; proof: readonly Uint8Array[] }): string {
  return contract.encodeFunctionData('anchor', [logId, size, root, proof]);
}

async function read(parameters: ReadLogParameters, name: 'head' | 'statusOf'): Promise<unknown[]> {
  const { deployment, logId, block = 'latest' } = parameters;
  const rpc = 'rpc' in parameters ? parameters.rpc : new JsonRpc(parameters.rpcUrl);
  const call = { to: deployment.checkpointAnchor, data: contract.encodeFunctionData(name, [logId]) };
  const answer = await rpc.call('eth_call', [call, blockParameter(block)], hexBytes());
  try {
    return [...contract.decodeFunctionResult(name, answer)] as unknown[];
  } catch {
    throw new AtsError('ATS_CHAIN_RPC_INVALID', `${rpc.endpoint}: ${name}: ${answer.length} bytes that CheckpointAnchor at ${deployment.checkpointAnchor} cannot have answered`);
  }
}

function blockParameter(block: BlockRef): unknown {
  if (typeof block === 'object') return { blockHash: `0x${Buffer.from(block.blockHash).toString('hex')}` };
  return typeof block === 'number' ? hexNumber(block) : block;
}

async function send(sender: Sender, { checkpointAnchor }: Anchor, name: string, args: readonly unknown[]): Promise<Mined> {
  const { blockNumber, transactionHash } = await sendTransaction(sender, { to: checkpointAnchor, data: contract.encodeFunctionData(name, args), contract });
  return { blockNumber, transactionHash };
}
