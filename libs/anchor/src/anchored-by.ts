import { decodeAnchorLog } from '#libs/chain';
import type { TreeHead } from '#libs/log';
import type { JournalOwner } from './journal.js';

/** A log in a receipt, as eth_getTransactionReceipt gives it. */
export interface ReceiptLog { readonly address: string; readonly topics: readonly Buffer[]; readonly data: Buffer }

/**
 * The head that a transaction has anchored for the owner's log, by its own event; undefined when it anchored none. The event tells it for ever: the state
 * of an old block is gone on most nodes after some hours, and on anvil in a restart.
 */
export function anchoredBy(logs: readonly ReceiptLog[], { contract, logId }: Pick<JournalOwner, 'contract' | 'logId'>): TreeHead | undefined {
  for (const log of logs) {
    const event = log.address.toLowerCase() === contract.toLowerCase() ? decodeAnchorLog(log) : undefined;
    if (event?.type === 'anchored' && `0x${event.logId.toString('hex')}` === logId.toLowerCase()) return { size: event.size, root: event.root };
  }
  return undefined;
}
