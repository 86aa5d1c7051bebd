import { setTimeout as delay } from 'node:timers/promises';
import { Interface, Wallet, isHexString } from 'ethers';
import { z } from 'zod';
import { AtsError } from '#libs/errors';
import { JsonRpc, RpcRefusal, bigQuantity, hexBytes, quantity } from './json-rpc.js';

/** Who sends, and through which node. `key`: the private key, 0x and 32 bytes of hex; read it with readSecretFile. */
export interface Sender { rpcUrl: string; key: string }

/** A contract call, or a deployment when `to` is absent. `contract` decodes the custom errors of a revert. */
export interface Transaction { to?: string; data: string; contract: Interface }

const receiptSchema = z.object({
  status: quantity,
  blockNumber: quantity,
  transactionHash: hexBytes(32),
  contractAddress: z.string().nullish(),
  logs: z.array(z.object({ address: z.string(), topics: z.array(z.string()), data: z.string() })),
});
export type Receipt = z.infer<typeof receiptSchema>;

/** A call that the contract refused: `reason` is its custom error with arguments. */
export class TransactionReverted extends AtsError {
  constructor(readonly reason: string) {
    super('ATS_CHAIN_TRANSACTION_FAILED', `the contract refused: ${reason}`);
  }
}

const RECEIPT_POLL_MS = 200;
const RECEIPT_DEADLINE_MS = 120_000;

/** The address of a private key. @throws AtsError ATS_CONFIG_INVALID, which never shows the key. */
export function addressOf(key: string): string {
  return walletOf(key).address;
}

/**
 * Signs, sends, and resolves once the transaction is mined. Not final: a reorganisation can still undo it.
 * Calls of one process from one account take their nonces in turn; an account must not send from two processes.
 * @throws AtsError {@link TransactionReverted}; ATS_CHAIN_TRANSACTION_FAILED when refused or not mined in two minutes;
 * ATS_CHAIN_UNREACHABLE, ATS_CHAIN_RPC_INVALID.
 */
export async function sendTransaction({ rpcUrl, key }: Sender, { to, data, contract }: Transaction): Promise<Receipt> {
  const rpc = new JsonRpc(rpcUrl);
  const wallet = walletOf(key);
  const hash = await inTurn(`${rpcUrl} ${wallet.address}`, () => signAndSend(rpc, wallet, { ...(to && { to }), data }, contract));
  // ethers' wait() has been seen never to resolve: receipts are asked for here
  for (const deadline = Date.now() + RECEIPT_DEADLINE_MS; Date.now() < deadline; await delay(RECEIPT_POLL_MS)) {
    const receipt = await rpc.call('eth_getTransactionReceipt', [hash], receiptSchema.nullable());
    if (receipt?.status === 1) return receipt;
    if (receipt) throw new TransactionReverted(`transaction ${hash} was mined and failed`);
  }
  throw new AtsError('ATS_CHAIN_TRANSACTION_FAILED', `transaction ${hash} was not mined in ${RECEIPT_DEADLINE_MS / 1000} s`);
}

async function signAndSend(rpc: JsonRpc, wallet: Wallet, request: { to?: string; data: string }, contract: Interface): Promise<string> {
  const call = { from: wallet.address, ...request };
  const [chainId, nonce] = await rpc.batch([
    { method: 'eth_chainId', params: [], result: quantity },
    { method: 'eth_getTransactionCount', params: [wallet.address, 'pending'], result: quantity },
  ]);
  try {
    const gas = await rpc.call('eth_estimateGas', [call], bigQuantity);
    const tip = await rpc.call('eth_maxPriorityFeePerGas', [], bigQuantity);
    const { baseFeePerGas } = await rpc.call('eth_getBlockByNumber', ['latest', false], z.object({ baseFeePerGas: bigQuantity }));
    const signed = await wallet.signTransaction({
      ...request, type: 2, chainId: chainId!, nonce: nonce!,
      // the state it meets may cost more than the one it was estimated on
      gasLimit: (gas * 6n) / 5n,
      // stays payable through six full blocks
      maxFeePerGas: 2n * baseFeePerGas + tip, maxPriorityFeePerGas: tip,
    });
    return await rpc.call('eth_sendRawTransaction', [signed], z.string());
  } catch (error) {
    if (!(error instanceof RpcRefusal)) throw error;
    const reason = error.data && error.data !== '0x' ? revertReason(contract, error.data) : undefined;
    if (reason) throw new TransactionReverted(reason);
    throw new AtsError('ATS_CHAIN_TRANSACTION_FAILED', `${wallet.address}: ${error.reason}`, { cause: error });
  }
}

/** `SensorAlreadyRegistered(index 3)`, or the bytes when they are no error of the contract. */
function revertReason(contract: Interface, data: string): string {
  const error = contract.parseError(data);
  if (!error) return data;
  const args = error.fragment.inputs.map(({ name }, at) => `${name} ${String(error.args[at])}`);
  return `${error.name}(${args.join(', ')})`;
}

const turns = new Map<string, Promise<unknown>>();

/** Runs the actions of one account one after the other, whatever becomes of each. */
function inTurn<T>(account: string, action: () => Promise<T>): Promise<T> {
  const result = (turns.get(account) ?? Promise.resolve()).then(action, action);
  turns.set(account, result);
  const forget = (): void => {
    if (turns.get(account) === result) turns.delete(account);
  };
  result.then(forget, forget);
  return result;
}

function walletOf(key: string): Wallet {
  const trimmed = key.trim();
  if (!isHexString(trimmed, 32)) throw new AtsError('ATS_CONFIG_INVALID', 'an Ethereum private key is 0x and 64 hex digits');
  try {
    return new Wallet(trimmed);
  } catch {
    // ethers' own message could show the key
    throw new AtsError('ATS_CONFIG_INVALID', 'the Ethereum private key is not a scalar of secp256k1');
  }
}
