import type { EventOf } from '#libs/events';
import type { Judgement } from './decide.js';
import type { Basis, Source } from './examine.js';
import type { StatementTopic } from './parameter-set.js';

/** A verified event and the topic it goes to. */
export type VerifiedOutcome = { [T in StatementTopic]: { topic: `${T}.verified`; event: EventOf<`${T}.verified`> } }[StatementTopic];

/** The events that a verdict becomes: one audit entry, and a verified event, a rejected one, or, for RECORDED, neither. */
export interface Outcome {
  readonly source: Source;
  readonly audit: EventOf<'audit-log'>;
  readonly verified: VerifiedOutcome | null;
  readonly rejected: EventOf<'rejected'> | null;
}

/** Longest `detail` of a rejected event. It is ASCII: our own words, numbers, and ids that passed their pattern. */
const DETAIL_LENGTH = 240;

export function outcomeOf(judgement: Judgement): Outcome {
  const { source, basis } = 'candidate' in judgement ? judgement.candidate : judgement;
  const { verdict } = judgement;
  const audit = {
    ...source,
    verdict,
    parameterVersion: basis.parameters.version,
    registryBlock: basis.block?.hash ?? null,
  };
  if (verdict === 'RECORDED') return { source, audit, verified: null, rejected: null };
  if (judgement.verdict === 'VERIFIED') return { source, audit, verified: verifiedOf(judgement), rejected: null };
  const rejected = {
    source,
    reason: verdict,
    detail: judgement.detail.slice(0, DETAIL_LENGTH),
    duplicateOf: 'duplicateOf' in judgement ? judgement.duplicateOf : null,
    parameterVersion: basis.parameters.version,
    registryBlock: referenceTo(basis),
  };
  return { source, audit, verified: null, rejected };
}

function verifiedOf(judgement: Extract<Judgement, { verdict: 'VERIFIED' }>): VerifiedOutcome {
  const { candidate: { source, basis, event, statement }, windowEnd, partitionClock, epochFloor, late } = judgement;
  const { pseudonym, stream, epoch, policyFamily, nullifier, commitment, circuit } = event;
  const shared = {
    source, pseudonym, stream, epoch, policyFamily, nullifier, commitment, circuit,
    parameterVersion: basis.parameters.version,
    registryBlock: { number: basis.block.number, hash: basis.block.hash },
    windowEnd, partitionClock, epochFloor, late,
  };
  return { topic: statement.verifiedTopic, event: { ...shared, ...statement.outcome(event) } } as VerifiedOutcome;
}

function referenceTo({ block }: Basis): EventOf<'rejected'>['registryBlock'] {
  return block === null ? null : { number: block.number, hash: block.hash };
}
