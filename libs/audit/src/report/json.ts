import type { AuditReport } from '../audit-report.js';
import { judgeClaims } from './claims.js';
import type { ReportContext } from './context.js';
import { count } from './words.js';

interface Check { id: string; ok: boolean; want: string; got: string }

/** The report as other programs read it; `audit.json` holds exactly this. */
export function jsonReport(report: AuditReport, context: ReportContext): object {
  const { checkpoints, ok: _ok, seconds: _seconds, ...rest } = report;
  return {
    ...header(context, checksOf(report)),
    ...rest,
    checkpoints: checkpoints.map(({ size, root, tx, block }) => ({ size, root, tx, block: block.number, blockHash: block.hash, blockTime: new Date(block.timeMs).toISOString() })),
    sources: context.sources,
    chainIsOwn: context.chainIsOwn,
    deployment: context.deployment,
  };
}

/** The same file when there is no report: an audit that ended with an error says so too. */
export function jsonOfError(error: { code: string; message: string }, context: ReportContext): object {
  return {
    ...header(context, [{ id: 'audited', ok: false, want: 'an audit of the whole range', got: error.message }]),
    outcome: 'unchecked', range: null, entries: 0, verdicts: {}, proofsVerified: 0, verifier: null, root: null, unanchored: null, checkpoints: [], failures: [],
    unchecked: [{ code: error.code, detail: error.message }], rssMiBMax: Math.round(process.memoryUsage.rss() / 2 ** 20),
    sources: context.sources, chainIsOwn: context.chainIsOwn, deployment: context.deployment,
  };
}

function checksOf(report: AuditReport): Check[] {
  return [
    ...judgeClaims(report).map(({ id, findings, codes, open }) => ({ id, ok: findings === 0, want: 'no findings', got: findings === 0 ? (open ? 'none, but not all was checked' : 'none') : `${count(findings, 'finding', 'findings')}: ${codes.join(', ')}` })),
    { id: 'complete', ok: report.unchecked.length === 0, want: 'everything checked', got: report.unchecked.map(({ code }) => code).join(', ') || 'everything checked' },
  ];
}

function header({ commit, dirty, machine, startedAt }: ReportContext, checks: readonly Check[]): object {
  return {
    schema: 'attestream/audit/1', commit, dirty, machine, startedAt: startedAt.toISOString(), seconds: Math.round((Date.now() - startedAt.getTime()) / 100) / 10,
    ok: checks.every(({ ok }) => ok), checks,
  };
}
