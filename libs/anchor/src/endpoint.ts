import { Interface } from 'ethers';
import { z } from 'zod';
import { JsonRpc, RpcRefusal, bigQuantity, checkpointAnchorContract, hexBytes, quantity, type RpcCall } from '#libs/chain';
import { AtsError } from '#libs/errors';
import type { TreeHead } from '#libs/log';
import type { StateView, TipView } from './agree.js';
import { anchoredBy } from './anchored-by.js';
import type { ChainQuestion } from './chain.js';
import type { FinalView, Sighting } from './decide.js';
import type { JournalOwner } from './journal.js';

const contract = new Interface(checkpointAnchorContract.abi);
const hash = hexBytes(32).transform((bytes) => `0x${bytes.toString('hex')}`);
const block = z.object({ number: quantity, hash, baseFeePerGas: bigQuantity });
const log = z.object({ address: z.string(), topics: z.array(hexBytes(32)).max(4), data: hexBytes() });
const receipt = z.object({ transactionHash: hash, blockNumber: quantity, blockHash: hash, status: quantity, logs: z.array(log) });
type Receipt = z.infer<typeof receipt>;

/** Where an OP-stack chain has its GasPriceOracle. Elsewhere there is no code at this address. */
export const GAS_PRICE_ORACLE = '0x420000000000000000000000000000000000000F';
const oracle = new Interface(['function getL1Fee(bytes data) view returns (uint256)']);

/** `missing`: it knows nothing of the newest attempt. `refusal`: why it gave no answer to a part. */
export interface EndpointState extends StateView { missing: boolean; refusal: RpcRefusal | undefined }

/**
 * One node, as it says itself. Whether it is right is decided by several of them.
 * All methods throw as {@link JsonRpc} does, and ATS_CHAIN_WRONG when it is of another chain or has no contract there.
 */
export class ChainEndpoint {
  readonly #rpc: JsonRpc;

  constructor(url: string, readonly owner: JournalOwner, timeoutMs: number, signal?: AbortSignal) {
    this.#rpc = new JsonRpc(url, timeoutMs, undefined, signal);
  }

  /** scheme://host:port. */
  get name(): string {
    return this.#rpc.endpoint;
  }

  async tip(): Promise<TipView> {
    const [chainId, latest, finalized, tip] = await Promise.all([
      this.#rpc.call('eth_chainId', [], quantity),
      this.#rpc.call('eth_getBlockByNumber', ['latest', false], block),
      this.#rpc.call('eth_getBlockByNumber', ['finalized', false], block.nullable()).catch(refusedAs(null)),
      this.#rpc.call('eth_maxPriorityFeePerGas', [], bigQuantity),
    ]);
    if (chainId !== this.owner.chainId) throw new AtsError('ATS_CHAIN_WRONG', `${this.name} has chain id ${chainId}, the log is anchored on ${this.owner.chainId}`);
    return { latest: latest.number, finalized: finalized?.number, market: { baseFee: latest.baseFeePerGas, tip } };
  }

  /** What it has at height `final` and of the attempts. `latest`: its own height, as it was before. */
  async stateAt(final: number, latest: number, { attempts, seenAt }: ChainQuestion): Promise<EndpointState> {
    const newest = attempts.at(-1);
    const [at, receipts, known] = await Promise.all([
      this.#rpc.call('eth_getBlockByNumber', [hexOf(final), false], block.nullable()),
      this.#batch(attempts.map((attempt) => ({ method: 'eth_getTransactionReceipt', params: [attempt], result: receipt.nullable() }))),
      newest ? this.#rpc.call('eth_getTransactionByHash', [newest], z.unknown()) : undefined,
    ]);
    // a node that stands before the block in question can't deny that it is there
    const denial: Sighting = { seen: latest >= Math.max(final, seenAt ?? 0) ? 'absent' : 'unknown' };
    const view: EndpointState = {
      final: undefined,
      sightings: new Map(attempts.map((attempt) => [attempt, denial])),
      missing: newest !== undefined && !known && receipts.at(-1) === null,
      refusal: undefined,
    };
    const found = receipts.filter((item) => item !== null).filter(({ transactionHash }) => attempts.includes(transactionHash));
    for (const { transactionHash } of found) view.sightings = new Map([...view.sightings, [transactionHash, { seen: 'unknown' }]]);
    try {
      // after the receipts: the block that a receipt names is canonical now, or it is not where the transaction is
      const [finalView, seen] = await Promise.all([at ? this.#finalView(at) : undefined, this.#whereMined(found, denial)]);
      return { ...view, final: finalView, sightings: new Map([...view.sightings, ...seen]) };
    } catch (error) {
      // the block was there a moment ago: a reorganisation, or a node that keeps no old state
      if (error instanceof RpcRefusal) return { ...view, refusal: error };
      throw error;
    }
  }

  /** @throws AtsError ATS_ANCHOR_REFUSED when the contract reverts */
  async estimate(data: string): Promise<bigint> {
    try {
      return await this.#rpc.call('eth_estimateGas', [{ from: this.owner.address, to: this.owner.contract, data }], bigQuantity);
    } catch (error) {
      if (!(error instanceof RpcRefusal) || (error.data === undefined && !/revert/i.test(error.reason))) throw error;
      throw new AtsError('ATS_ANCHOR_REFUSED', reasonOf(error), { cause: error });
    }
  }

  balance(): Promise<bigint> {
    return this.#rpc.call('eth_getBalance', [this.owner.address, 'latest'], bigQuantity);
  }

  /** Undefined where there is no oracle. */
  async l1Fee(unsigned: string): Promise<bigint | undefined> {
    const code = await this.#rpc.call('eth_getCode', [GAS_PRICE_ORACLE, 'latest'], hexBytes());
    if (code.length === 0) return undefined;
    const answer = await this.#rpc.call('eth_call', [{ to: GAS_PRICE_ORACLE, data: oracle.encodeFunctionData('getL1Fee', [unsigned]) }, 'latest'], hexBytes(32));
    return BigInt(`0x${answer.toString('hex')}`);
  }

  async send(raw: string): Promise<void> {
    await this.#rpc.call('eth_sendRawTransaction', [raw], hash);
  }

  async #finalView(at: z.infer<typeof block>): Promise<FinalView> {
    const [nonce, head] = await Promise.all([
      this.#rpc.call('eth_getTransactionCount', [this.owner.address, { blockHash: at.hash }], quantity),
      this.#head(at.hash),
    ]);
    return { block: { number: at.number, hash: at.hash }, head, nonce };
  }

  async #whereMined(receipts: readonly Receipt[], elsewhere: Sighting): Promise<[string, Sighting][]> {
    const blocks = await this.#batch(receipts.map(({ blockNumber }) => ({ method: 'eth_getBlockByNumber', params: [hexOf(blockNumber), false], result: block.nullable() })));
    return receipts.map(({ transactionHash, blockNumber, blockHash, status, logs }, at): [string, Sighting] => {
      if (blocks[at]?.hash !== blockHash) return [transactionHash, elsewhere];
      return [transactionHash, { seen: 'mined', block: { number: blockNumber, hash: blockHash }, ok: status === 1, head: anchoredBy(logs, this.owner) }];
    });
  }

  async #head(blockHash: string): Promise<TreeHead> {
    const { contract: to, logId } = this.owner;
    const answer = await this.#rpc.call('eth_call', [{ to, data: contract.encodeFunctionData('head', [logId]) }, { blockHash }], hexBytes());
    if (answer.length === 0) throw new AtsError('ATS_CHAIN_WRONG', `${this.name}: there is no contract at ${to}`);
    if (answer.length !== 64) throw new AtsError('ATS_CHAIN_RPC_INVALID', `${this.name}: head of ${answer.length} bytes`);
    const size = BigInt(`0x${answer.toString('hex', 0, 32)}`);
    if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw new AtsError('ATS_CHAIN_RPC_INVALID', `${this.name}: a head of ${size} entries`);
    return { size: Number(size), root: answer.subarray(32) };
  }

  async #batch<T>(calls: readonly RpcCall<T>[]): Promise<T[]> {
    return calls.length === 0 ? [] : this.#rpc.batch(calls);
  }
}

/** `LogNotOpen(logId 0x…, status 0)`, or the node's own words. */
function reasonOf({ data, reason }: RpcRefusal): string {
  const error = data === undefined ? null : contract.parseError(data);
  if (!error) return reason;
  return `${error.name}(${error.fragment.inputs.map(({ name }, at) => `${name} ${String(error.args[at])}`).join(', ')})`;
}

/** Some nodes refuse to name a finalized block before there is one. */
function refusedAs<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof RpcRefusal) return value;
    throw error;
  };
}

function hexOf(value: number): string {
  return `0x${value.toString(16)}`;
}
