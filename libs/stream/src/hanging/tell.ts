import { AtsError } from '#libs/errors';
import { nameOf } from './decide.js';
import type { HangingTransaction } from './find.js';
import type { Repair } from './repair.js';

/** One line for a person: which transaction, and what was done about it. */
export function tell({ transaction, outcome, because }: Repair): string {
  switch (outcome) {
    case 'committed': return `committed ${whichOne(transaction)}: ${because}`;
    case 'aborted': return `aborted ${whichOne(transaction)}: ${because}`;
    case 'gone': return `${whichOne(transaction)} was ended meanwhile`;
    case 'refused': return new AtsError('ATS_TRANSACTION_HANGING', `${whichOne(transaction)} is left as it is: ${because}`, { todo: 'Follow docs/runbook-transactions.md.' }).message;
  }
}

const WOULD = {
  commit: 'would be committed',
  abort: 'would be aborted',
  unknown: 'nothing tells how it was decided, so that it would be left as it is',
  'under way': 'is under way, so that it would be left as it is',
} as const;

/** What a repair would do. */
export function tellFinding(transaction: HangingTransaction): string {
  const { decision, because } = transaction;
  return `${whichOne(transaction)}: ${WOULD[decision]}: ${because}`;
}

function whichOne(transaction: HangingTransaction): string {
  const { startOffset, producerId, producerEpoch, transactionalId, startedAt } = transaction;
  const since = startedAt === undefined ? '' : ` since ${new Date(startedAt).toISOString()}`;
  return `the transaction of ${transactionalId ?? 'an unknown transactional id'} (producer ${producerId}, epoch ${producerEpoch}) that is open in ${nameOf(transaction)} from offset ${startOffset}${since}`;
}
