import type { EventOf } from '#libs/events';

/** Every verdict, as the audit log spells it. */
export type Verdict = EventOf<'audit-log'>['verdict'];

/**
 * Why a record is refused: the checks in the order in which they run, the first that fails is the reason.
 * MALFORMED is looked for twice: in the frame before anything else, in the Avro body once the schema is known.
 */
export const REASONS = [
  'MALFORMED',
  'PARAMETERS_UNKNOWN',
  'SCHEMA_UNKNOWN',
  'FIELD_NOT_CANONICAL',
  'PARTITION_MISMATCH',
  'KEY_MISMATCH',
  'STATEMENT_UNKNOWN',
  'POLICY_UNKNOWN',
  'EPOCH_STALE',
  'EPOCH_FUTURE',
  'ROOT_UNKNOWN',
  'ROOT_REVOKED',
  'NULLIFIER_SEEN',
  'PROOF_INVALID',
] as const satisfies readonly Verdict[];

export type Reason = (typeof REASONS)[number];
