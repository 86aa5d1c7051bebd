/** The rules of the gate as pure functions: what a verdict is and how it comes about. Reading, verifying proofs and writing happen elsewhere. */
export { decide, evolve, pendingProofs, type Judgement, type Refused, type Verified } from './decide.js';
export {
  examine, isRecorded, RECORDED_TOPICS, SOURCE_TOPICS, unsupportedStatements,
  type Basis, type Candidate, type Finding, type JudgeContext, type RecordedTopic, type Settled, type Source, type SourceTopic,
} from './examine.js';
export { outcomeOf, type Outcome, type VerifiedOutcome } from './outcome.js';
export {
  ID_PATTERN, MAX_ACCEPT_SECONDS, MAX_EPOCH_SECONDS, parseParameterSet, serializeParameterSet, STATEMENT_TOPICS,
  type ParameterSet, type Policy, type StatementParameters, type StatementTopic,
} from './parameter-set.js';
export { REASONS, type Reason, type Verdict } from './reasons.js';
export { ParameterSets, type Parameters, type RegistryBlock, type RegistryView } from './registry-view.js';
export type { Seen, SeenNullifiers } from './seen-nullifiers.js';
export { EMPTY_STATE, factsOf, rebuildFrom, remember, remembering, type PartitionState, type VerifiedFacts } from './state.js';
export { STATEMENTS, statementOf, type CircuitId, type Claim, type SignalContext, type Statement } from './statements.js';
