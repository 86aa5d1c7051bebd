import type { Deployment } from '#libs/chain';
import type { EventReader } from '#libs/events';
import type { VerifierFactory } from '#libs/proofs';
import type { SourceTopic } from '#libs/verdict';
import type { Failure } from './audit-report.js';
import type { Depth } from './replay.js';
import type { ChainSource, LogSource, RecordSource } from './sources.js';

/** How long something may be missing before it counts, in seconds of active time (see ActiveTime), and how far two clocks may differ. */
export interface AuditLimits {
  /** A record, or a committed entry, waits for its leaf. */
  readonly recordLagSeconds: number;
  /** An entry waits for an anchor. */
  readonly anchorLagSeconds: number;
  /** A record waits for its verdict, as far as its broker time is bounded by it. */
  readonly maxWaitSeconds: number;
  /** Broker against chain. */
  readonly clockToleranceSeconds: number;
}

export const DEFAULT_LIMITS: AuditLimits = { recordLagSeconds: 600, anchorLagSeconds: 3600, maxWaitSeconds: 86_400, clockToleranceSeconds: 60 };

export interface AuditOptions {
  readonly deployment: Deployment;
  /** The log's public key, as it was published; its name is the origin. */
  readonly vkey: string;
  readonly log: LogSource;
  /** Without it nothing is known of the records: the log alone is audited. */
  readonly records?: RecordSource;
  /** The auditor's own chain. Without it the registry is what chain-events says, and anchors are not checked. */
  readonly chain?: ChainSource;
  /** Reads source records; other schemas than ours come from its source. */
  readonly events: EventReader;
  /** `log`: the tree, its anchors and the order of entries. `records`: and that each record has its entry. Default `verdicts`: everything. */
  readonly depth?: Depth;
  readonly verifier: { readonly name: string; readonly create: VerifierFactory };
  /** Default: one a core. */
  readonly threads?: number;
  /** Where the circuits' verification keys are. Default: this project's. */
  readonly circuitsFolder?: string;
  /** First leaf whose verdict and proof are checked; those before it are taken as logged, for the state that it begins with. Default 0. */
  readonly from?: number;
  /** The leaf behind the last one. Default: the log's size. */
  readonly to?: number;
  /** Only this topic's records. */
  readonly topic?: SourceTopic;
  /** An audit that is stopped goes on from here; removed at its end. A second file beside it has the nullifiers. */
  readonly stateFile?: string;
  readonly limits?: Partial<AuditLimits>;
  /** Findings that are kept one by one; all are counted. Default 1000. */
  readonly mostFailures?: number;
  readonly onEvent?: (event: AuditEvent) => void;
  readonly signal?: AbortSignal;
  /** For tests. */
  readonly now?: () => number;
  /** Least time between two writes of the state. Default 10 s. */
  readonly saveEveryMs?: number;
}

export type AuditEvent =
  | { readonly kind: 'chain'; readonly block: number; readonly head: number }
  | { readonly kind: 'target'; readonly size: number; readonly root: string; readonly resumedAt: number }
  /** At most every half second, and at the end. `etaSeconds` from the whole pace so far. */
  | { readonly kind: 'progress'; readonly leaf: number; readonly size: number; readonly proofs: number; readonly entriesPerSecond: number; readonly etaSeconds: number }
  | { readonly kind: 'failure'; readonly failure: Failure }
  | { readonly kind: 'saved'; readonly leaf: number };
