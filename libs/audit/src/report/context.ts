import type { Deployment } from '#libs/chain';

/** What a report says beside what was found: who looked, when, and at what. */
export interface ReportContext {
  startedAt: Date;
  machine: { cpu: string; cores: number; memMiB: number; node: string };
  commit: string | null;
  dirty: boolean | null;
  /** Where everything came from, as a person names it. */
  sources: { records: string; log: string; chain: string };
  /** Null when it could not be read. */
  deployment: Deployment | null;
  /** Whether the auditor brought what the chain's part rests on: an RPC of their own, or for an archive the block hash and the deployment. */
  chainIsOwn: boolean;
}
