import type { AuditReport } from './audit-report.js';
import type { Findings } from './findings.js';
import type { AuditOptions } from './options.js';
import { Statistics } from './statistics.js';
import type { Walk } from './walk.js';

export interface ReportOfParameters {
  readonly options: AuditOptions;
  readonly origin: string;
  readonly findings: Findings;
  readonly startedAt: number;
  /** Undefined when it never came to the log. */
  readonly walk?: Walk;
}

/** The report of an audit that has ended, or had to stop. */
export function reportOf({ options, origin, findings, startedAt, walk }: ReportOfParameters): AuditReport {
  const outcome = findings.total > 0 ? 'violated' : findings.unchecked.length > 0 ? 'unchecked' : 'holds';
  const size = walk?.size ?? 0;
  return {
    ok: outcome === 'holds',
    outcome,
    origin,
    range: walk?.range ?? { from: 0, to: 0 },
    topic: options.topic ?? null,
    predecessor: walk?.predecessor ?? null,
    verifier: options.verifier.name,
    ...(walk?.statistics ?? new Statistics()).report(),
    size,
    root: walk?.root?.toString('hex') ?? '',
    unanchored: size - (walk?.anchors.anchoredSize ?? 0),
    checkpoints: (walk?.anchors.ofLog ?? []).map(({ size: anchored, root, transactionHash, block }) => ({
      size: anchored, root: root.toString('hex'), tx: `0x${transactionHash.toString('hex')}`,
      block: { number: block.number, hash: `0x${block.hash.toString('hex')}`, timeMs: block.timestampMs },
    })),
    pending: walk?.pending ?? { records: 0, entries: 0 },
    failures: findings.kept,
    failureCount: findings.total,
    failuresByCode: findings.counts,
    unchecked: findings.unchecked,
    seconds: (performance.now() - startedAt) / 1000,
    rssMiBMax: Math.round((walk?.rssBytesMax ?? process.memoryUsage.rss()) / 2 ** 20),
  };
}
