// Receipts as bytes: what a block's receiptsRoot is computed over (yellow paper, section 4.3.1; EIP-2718 puts the type in front; the OP stack's deposits, type 0x7e, have two fields more).
import { decodeRlp, encodeRlp, toBeArray, type RlpStructuredDataish } from 'ethers';
import { z } from 'zod';
import { bigQuantity, hexBytes } from '#libs/chain';
import type { ChainLog } from '#libs/events';
import { invalid } from './header.js';

const logSchema = z.object({ address: hexBytes(20), topics: z.array(hexBytes(32)).max(4), data: hexBytes() });

/** A receipt as eth_getBlockReceipts gives it. Before Byzantium it has a state root and no status. */
export const rpcReceipt = z.object({
  type: bigQuantity.default(0n),
  status: bigQuantity.optional(),
  root: hexBytes(32).optional(),
  cumulativeGasUsed: bigQuantity,
  logsBloom: hexBytes(256),
  logs: z.array(logSchema),
  depositNonce: bigQuantity.optional(),
  depositReceiptVersion: bigQuantity.optional(),
});
export type RpcReceipt = z.infer<typeof rpcReceipt>;

export function encodeReceipt({ type, status, root, cumulativeGasUsed, logsBloom, logs, depositNonce, depositReceiptVersion }: RpcReceipt): Buffer {
  const fields: RlpStructuredDataish[] = [
    status === undefined ? root ?? new Uint8Array() : toBeArray(status), toBeArray(cumulativeGasUsed), logsBloom,
    logs.map(({ address, topics, data }) => [address, topics, data]),
    ...[depositNonce, depositReceiptVersion].filter((value) => value !== undefined).map((value) => toBeArray(value)),
  ];
  return Buffer.concat([toBeArray(type), Buffer.from(encodeRlp(fields).slice(2), 'hex')]);
}

/** A log of a receipt: everything but its place in the block. */
export type ReceiptLog = Pick<ChainLog, 'address' | 'topics' | 'data'>;

/** The logs that a receipt holds. @throws AtsError ATS_ARCHIVE_CHAIN_INVALID when it is none. */
export function receiptLogs(receipt: Buffer): ReceiptLog[] {
  // A type is a byte below 0x80, a list begins at 0xc0.
  const body = (receipt[0] ?? 0) < 0x80 ? receipt.subarray(1) : receipt;
  try {
    const [, , , logs] = decodeRlp(body) as unknown[];
    return (logs as [string, string[], string][]).map(([address, topics, data]) => ({ address: bytes(address), topics: topics.map(bytes), data: bytes(data) }));
  } catch {
    throw invalid('a receipt is not RLP of a receipt');
  }
}

function bytes(hex: string): Buffer {
  return Buffer.from(hex.slice(2), 'hex');
}
