/** The audit: replay of a log that trusts nobody who wrote it, and its sources, archives, proofs and reports. Rules of verdicts, formats of logs and Kafka's protocol belong elsewhere. */
export { audit } from './audit.js';
export {
  FAILURES, type AuditedCheckpoint, type AuditReport, type DeviceState, type Failure, type FailureCode, type TimelineBucket, type Unchecked,
} from './audit-report.js';
export { decodeEntry, type AuditEntry } from './entry.js';
export { kafkaRecords } from './kafka-records.js';
export { directoryLog, httpLog } from './log-sources.js';
export { DEFAULT_LIMITS, type AuditEvent, type AuditLimits, type AuditOptions } from './options.js';
export type { Depth } from './replay.js';
export type { ChainSource, LogSource, RecordSource } from './sources.js';
export { joinArchives, openArchive, type Archive } from './archive/open-archive.js';
export { writeArchive, type WriteArchiveParameters } from './archive/write-archive.js';
export type { ArchiveManifest } from './archive/manifest.js';
export { anchorsInChain, anchorsOnNode, type AnchoredHead, type AnchorView } from './proof/anchor-view.js';
export { anchorCoverage, checkProof, type CheckedProof, type CheckProofParameters, type Coverage } from './proof/check-proof.js';
export { parsePlace, placeText, type EventPlace } from './proof/event-place.js';
export { findEntry, type FoundEntry } from './proof/find-entry.js';
export { makeProof, proveEvent, type MakeProofParameters } from './proof/make-proof.js';
export type { ReportContext } from './report/context.js';
export { htmlReport } from './report/html-report.js';
export { jsonOfError, jsonReport } from './report/json.js';
export { textReport } from './report/text.js';
