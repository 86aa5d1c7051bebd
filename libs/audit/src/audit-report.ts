import type { Verdict } from '#libs/verdict';

/** What an audit can find wrong, in words for people. `leaf` of a finding is where the log is to be opened. */
export const FAILURES = {
  CHECKPOINT_INVALID: 'the published checkpoint is not one that this log has signed',
  CHECKPOINT_ROOT: 'the published checkpoint is signed for another root than the entries have',
  LOG_TRUNCATED: 'the published log is smaller than what stands on the chain',
  LOG_FORKED: 'what stands on the chain is another tree than the published one',
  PREDECESSOR_WRONG: 'entry 0 is not the checkpoint of the log that the chain says this one succeeds',
  ANCHOR_MISSING: 'entries were left without an anchor for longer than stated',
  ANCHOR_ORDER: 'anchored sizes do not grow',
  TILE_WRONG: 'a tile is not what the entries hash to',
  ENTRIES_UNREADABLE: 'an entry bundle is missing or is not one',
  ENTRY_MALFORMED: 'the bytes of a leaf are no audit entry',
  ENTRY_DUPLICATE: 'a source record has a second entry',
  ENTRY_REORDERED: 'an entry comes after one of a later record of its partition',
  ENTRY_WITHOUT_RECORD: 'an entry is of a record that is not there',
  ENTRY_HASH: "an entry's hash is not the record's",
  ENTRY_TIME: "an entry's broker time is not the record's",
  ENTRY_NOT_IN_TOPIC: 'the log and the committed records of audit-log differ',
  ENTRY_NOT_LOGGED: 'a committed record of audit-log is not in the log',
  RECORD_WITHOUT_ENTRY: 'a source record has no entry',
  VERDICT_WRONG: 'the verdict is another one by the rules',
  PROOF_INVALID: 'a record is logged as verified, and its proof does not hold for it',
  PARAMETER_VERSION: 'another parameter set was in force',
  REGISTRY_BLOCK_OLD: 'the registry block is older than the rule says',
  REGISTRY_BLOCK_FUTURE: 'the registry block is newer than the rule says',
  REGISTRY_BLOCK_UNKNOWN: 'the registry block is not one of the chain',
  BROKER_TIME: 'the broker time is outside the window that anchored checkpoints and blocks leave',
  CHAIN_EVENT: "a block in chain-events is not the chain's",
  NULLIFIER_REUSED: 'a nullifier was verified twice',
} as const;

export type FailureCode = keyof typeof FAILURES;

export interface Failure {
  readonly code: FailureCode;
  /** Null where no leaf is concerned: a record without an entry, an anchor. */
  readonly leaf: number | null;
  readonly topic: string | null;
  readonly partition: number | null;
  readonly offset: number | null;
  readonly detail: string;
}

/** Something that could not be looked at: neither right nor wrong. */
export interface Unchecked {
  /** What was not checked, or the code of the error that prevented it. */
  readonly code: string;
  readonly detail: string;
}

export interface AuditedCheckpoint {
  readonly size: number;
  /** Hex, as all hashes of a report. */
  readonly root: string;
  readonly tx: string;
  readonly block: { readonly number: number; readonly hash: string; readonly timeMs: number };
}

export interface TimelineBucket {
  readonly fromMs: number;
  readonly verified: number;
  readonly refused: number;
  readonly recorded: number;
}

export interface DeviceState {
  readonly pseudonym: string;
  readonly stream: string;
  readonly topic: string;
  /** Of the newest verified event: OK, WARNING, CRITICAL, or the number of an intent. */
  readonly state: string;
  readonly epoch: number;
  readonly brokerTimeMs: number;
  readonly verified: number;
}

/**
 * What an audit found. `ok` only when everything was looked at and holds. `outcome` tells a violation from what could not be checked; a violation
 * prevails. Everything but `rssMiBMax` and `seconds` is the same for one and the same log, records and chain, resumed or not.
 */
export interface AuditReport {
  readonly ok: boolean;
  readonly outcome: 'holds' | 'violated' | 'unchecked';
  readonly origin: string;
  /** Leaves whose entries, records and verdicts were looked at: [from, to). The tree was recomputed whole. */
  readonly range: { readonly from: number; readonly to: number };
  readonly topic: string | null;
  /** Origin of the log that this one succeeds: entry 0 is its last checkpoint. */
  readonly predecessor: string | null;
  /** Entries in the range, of the topic if one was chosen. */
  readonly entries: number;
  /** The logged verdicts of those entries, each with its number. */
  readonly verdicts: Readonly<Partial<Record<Verdict, number>>>;
  readonly verdictsByTopic: Readonly<Record<string, Readonly<Partial<Record<Verdict, number>>>>>;
  /** Verdicts that were recomputed by the rules. */
  readonly recomputed: number;
  readonly proofsVerified: number;
  readonly verifier: string;
  /** Size and root of the whole log, recomputed from its entries. */
  readonly size: number;
  readonly root: string;
  /** Entries above the newest anchored size. */
  readonly unanchored: number;
  readonly checkpoints: readonly AuditedCheckpoint[];
  /** Source records and committed audit entries that are newer than the log, and not overdue. */
  readonly pending: { readonly records: number; readonly entries: number };
  /** The first findings; `failureCount` has them all. */
  readonly failures: readonly Failure[];
  readonly failureCount: number;
  readonly failuresByCode: Readonly<Partial<Record<FailureCode, number>>>;
  readonly unchecked: readonly Unchecked[];
  readonly timeline: { readonly bucketMs: number; readonly buckets: readonly TimelineBucket[] };
  /** By pseudonym and stream; at most the 10,000 that came first. */
  readonly devices: readonly DeviceState[];
  readonly seconds: number;
  readonly rssMiBMax: number;
}
