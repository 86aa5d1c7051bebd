import { Transaction, Wallet, getAddress } from 'ethers';
import { z } from 'zod';
import { JsonRpc } from '#libs/chain';
import { readSecretFile } from '#libs/config';
import { AtsError, isAtsError } from '#libs/errors';

/** An EIP-1559 call that sends no ether. Addresses are EIP-55 text, `data` is hex. */
export interface UnsignedTransaction {
  chainId: number;
  nonce: number;
  to: string;
  data: string;
  gasLimit: bigint;
  maxFeePerGas: bigint;
  maxPriorityFeePerGas: bigint;
}

/** Who holds the key of the anchoring account. */
export interface TransactionSigner {
  readonly address: string;
  /** The signed transaction as hex. What comes back is checked by {@link checkSigned} before anybody relies on it. */
  signTransaction(transaction: UnsignedTransaction): Promise<string>;
}

/**
 * The key lies in a file that only its owner may read: 0x and 64 hex digits.
 * @throws AtsError ATS_SECRET_EXPOSED, ATS_CONFIG_INVALID; neither shows the key.
 */
export function keyFileSigner(file: string): TransactionSigner {
  const key = readSecretFile(file).trim();
  let wallet: Wallet;
  try {
    if (!/^0x[0-9a-f]{64}$/i.test(key)) throw new TypeError('another form');
    wallet = new Wallet(key);
  } catch {
    // ethers' own message could show the key
    throw new AtsError('ATS_CONFIG_INVALID', `${file}: an Ethereum private key is 0x and 64 hex digits, a scalar of secp256k1`);
  }
  return { address: wallet.address, signTransaction: (transaction) => wallet.signTransaction({ type: 2, value: 0n, ...transaction }) };
}

/** An answer is the bytes, as the published interface and Web3Signer have it, or geth's and clef's object around them. */
const signed = z.union([z.string(), z.object({ raw: z.string() }).transform(({ raw }) => raw)]);

/**
 * The key is with another program that serves `eth_signTransaction` of the Ethereum JSON-RPC (execution-apis), such as Web3Signer.
 * It sees the whole transaction and may refuse it.
 */
export function externalSigner({ url, address, timeoutMs = 30_000, signal }: { url: string; address: string; timeoutMs?: number; signal?: AbortSignal }): TransactionSigner {
  const rpc = new JsonRpc(url, timeoutMs, undefined, signal);
  const from = getAddress(address);
  return {
    address: from,
    async signTransaction({ chainId, nonce, to, data, gasLimit, maxFeePerGas, maxPriorityFeePerGas }) {
      const transaction = {
        type: '0x2', from, to, value: '0x0', input: data, chainId: hex(chainId), nonce: hex(nonce), gas: hex(gasLimit),
        maxFeePerGas: hex(maxFeePerGas), maxPriorityFeePerGas: hex(maxPriorityFeePerGas),
      };
      try {
        return await rpc.call('eth_signTransaction', [transaction], signed);
      } catch (cause) {
        if (!isAtsError(cause)) throw cause;
        throw new AtsError('ATS_ANCHOR_SIGNER_FAILED', cause.why, { cause });
      }
    },
  };
}

/** What a signed transaction is, once it is known to be the asked one: its hash, and its bytes as hex. */
export interface SignedTransaction { hash: string; raw: string }

/**
 * Holds a signer to what it was asked: each field, and the account. What is returned is encoded anew from them.
 * @throws AtsError ATS_ANCHOR_SIGNER_MISMATCH
 */
export function checkSigned(raw: string, asked: UnsignedTransaction, address: string): SignedTransaction {
  const mismatch = (why: string): AtsError => new AtsError('ATS_ANCHOR_SIGNER_MISMATCH', why);
  let transaction: Transaction;
  try {
    transaction = Transaction.from(raw);
  } catch {
    throw mismatch('its answer is no transaction');
  }
  if (!transaction.isSigned()) throw mismatch('its answer is not signed');
  const fields: [name: string, got: unknown, want: unknown][] = [
    ['type', transaction.type, 2],
    ['chainId', transaction.chainId, BigInt(asked.chainId)],
    ['nonce', transaction.nonce, asked.nonce],
    ['to', transaction.to, getAddress(asked.to)],
    ['data', transaction.data, asked.data.toLowerCase()],
    ['value', transaction.value, 0n],
    ['gasLimit', transaction.gasLimit, asked.gasLimit],
    ['maxFeePerGas', transaction.maxFeePerGas, asked.maxFeePerGas],
    ['maxPriorityFeePerGas', transaction.maxPriorityFeePerGas, asked.maxPriorityFeePerGas],
    ['accessList', transaction.accessList?.length ?? 0, 0],
    ['from', transaction.from, address],
  ];
  for (const [name, got, want] of fields) {
    if (got !== want) throw mismatch(`${name} is ${String(got)}, asked was ${String(want)}`);
  }
  return { hash: transaction.hash!, raw: transaction.serialized };
}

function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
