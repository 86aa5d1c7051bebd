import type { AuditReport, FailureCode } from '../audit-report.js';

/** What an audit holds a log to, in the words of the report. */
export const CLAIMS = {
  records: 'Every source record has exactly one entry, in order, and the entry is about that very record',
  verdicts: 'Every verdict is the one that the published rules give, refusals included',
  proofs: 'Every proof behind a verified event holds',
  nullifiers: 'No message was counted twice, over all history',
  registry: 'The registry was read at the block that the rule fixes, and blocks are the chain\'s',
  time: 'Broker times lie between the blocks and checkpoints around them',
  tree: 'The published tree and its signature are what the entries hash to',
  anchors: 'What stands on the chain is this log, and it never shrank or forked',
} as const;

export type ClaimId = keyof typeof CLAIMS;

/** Which claim a finding speaks against. */
const CLAIM_OF: Readonly<Record<FailureCode, ClaimId>> = {
  CHECKPOINT_INVALID: 'tree', CHECKPOINT_ROOT: 'tree', TILE_WRONG: 'tree', ENTRIES_UNREADABLE: 'tree',
  LOG_TRUNCATED: 'anchors', LOG_FORKED: 'anchors', ANCHOR_MISSING: 'anchors', ANCHOR_ORDER: 'anchors', PREDECESSOR_WRONG: 'anchors',
  ENTRY_MALFORMED: 'records', ENTRY_DUPLICATE: 'records', ENTRY_REORDERED: 'records', ENTRY_WITHOUT_RECORD: 'records', ENTRY_HASH: 'records', ENTRY_TIME: 'records',
  ENTRY_NOT_IN_TOPIC: 'records', ENTRY_NOT_LOGGED: 'records', RECORD_WITHOUT_ENTRY: 'records',
  VERDICT_WRONG: 'verdicts', PARAMETER_VERSION: 'verdicts', PROOF_INVALID: 'proofs', NULLIFIER_REUSED: 'nullifiers',
  REGISTRY_BLOCK_OLD: 'registry', REGISTRY_BLOCK_FUTURE: 'registry', REGISTRY_BLOCK_UNKNOWN: 'registry', CHAIN_EVENT: 'registry', BROKER_TIME: 'time',
};

/** Claims that what was not checked leaves open; whatever else prevents an audit leaves all of them open. */
const OPEN_BY: Readonly<Record<string, readonly ClaimId[]>> = {
  CHAIN: ['registry', 'time', 'anchors'], BLOCK_HASH: ['registry', 'time', 'anchors'], CHAIN_BEHIND: ['verdicts', 'proofs', 'nullifiers', 'registry'],
  RECORDS: ['records', 'proofs', 'nullifiers'], VERDICTS: ['verdicts', 'proofs', 'nullifiers', 'registry'], ATS_CIRCUIT_MISSING: ['verdicts', 'proofs', 'nullifiers'],
  PREDECESSOR: ['records', 'verdicts', 'proofs', 'tree', 'anchors'],
};

/** One claim, and what was found against it. `open`: not all of it was checked. */
export interface JudgedClaim { id: ClaimId; claim: string; findings: number; codes: FailureCode[]; open: boolean }

export function judgeClaims({ failuresByCode, unchecked }: Pick<AuditReport, 'failuresByCode' | 'unchecked'>): JudgedClaim[] {
  const codes = Object.keys(failuresByCode) as FailureCode[];
  const all = Object.keys(CLAIMS) as ClaimId[];
  const open = new Set(unchecked.flatMap(({ code }) => OPEN_BY[code] ?? all));
  return all.map((id) => {
    const against = codes.filter((code) => CLAIM_OF[code] === id);
    return { id, claim: CLAIMS[id], codes: against, findings: against.reduce((sum, code) => sum + failuresByCode[code]!, 0), open: open.has(id) };
  });
}
