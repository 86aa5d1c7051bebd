import { Transaction } from 'ethers';
import { anchorCallData } from '#libs/chain';
import { AtsError } from '#libs/errors';
import { verifyConsistency, type TreeHead } from '#libs/log';
import type { Chain } from './chain.js';
import { gwei, type SignRequest } from './decide.js';
import type { JournalOwner } from './journal.js';
import type { AnchorPolicy } from './policy.js';
import type { CheckpointSource } from './source.js';
import type { UnsignedTransaction } from './signer.js';

/**
 * The transaction that anchors `target`, checked for what it proves and what it costs.
 * @throws AtsError ATS_ANCHOR_FORKED, ATS_ANCHOR_FEE_CEILING, ATS_ANCHOR_BALANCE; as the source and {@link Chain} do
 */
export async function prepare(request: SignRequest, target: TreeHead, { chain, source, owner, policy }: {
  chain: Chain; source: CheckpointSource; owner: JournalOwner; policy: AnchorPolicy;
}): Promise<UnsignedTransaction> {
  const balance = await chain.balance();
  if (balance === 0n) throw new AtsError('ATS_ANCHOR_BALANCE', `${owner.address} has nothing`);
  const { data, gasLimit } = request.kind === 'first' ? await firstCall(request.head, target, { chain, source, owner }) : callOf(request.previous.raw);
  const transaction = { chainId: owner.chainId, nonce: request.nonce, to: owner.contract, data, gasLimit, ...request.fees };
  const l1Fee = await chain.l1Fee(Transaction.from({ type: 2, value: 0n, ...transaction }).unsignedSerialized);
  const cost = gasLimit * request.fees.maxFeePerGas + l1Fee;
  if (cost > policy.maxCostWei) {
    throw new AtsError('ATS_ANCHOR_FEE_CEILING', `it may cost ${ether(cost)} ether (${ether(l1Fee)} of them for L1), the ceiling is ${ether(policy.maxCostWei)}`);
  }
  if (cost > balance) throw new AtsError('ATS_ANCHOR_BALANCE', `${owner.address} has ${ether(balance)} ether, the anchor may cost ${ether(cost)}`);
  return transaction;
}

async function firstCall(head: TreeHead, target: TreeHead, { chain, source, owner }: { chain: Chain; source: CheckpointSource; owner: JournalOwner }): Promise<{ data: string; gasLimit: bigint }> {
  const proof = head.size === 0 ? [] : await source.consistencyProof(head.size, target.size);
  if (head.size > 0 && !verifyConsistency({ from: head.size, fromRoot: head.root, to: target.size, toRoot: target.root, proof })) {
    throw new AtsError('ATS_ANCHOR_FORKED', `the log of ${target.size} entries does not extend the anchored ${head.size} with root ${head.root.toString('hex')}`);
  }
  const data = anchorCallData({ logId: Buffer.from(owner.logId.slice(2), 'hex'), size: target.size, root: target.root, proof });
  return { data, gasLimit: await chain.estimate(data) };
}

function callOf(raw: string): { data: string; gasLimit: bigint } {
  const { data, gasLimit } = Transaction.from(raw);
  return { data, gasLimit };
}

const ether = (wei: bigint): string => `${gwei(wei)}e-9`;
