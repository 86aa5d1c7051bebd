import { FAILURES, type AuditReport } from '../audit-report.js';
import { judgeClaims } from './claims.js';
import type { ReportContext } from './context.js';
import { chainWasAsked, count, headline, number, placeOf, time } from './words.js';

/** Findings that the terminal shows; the JSON has more. */
const SHOWN = 20;

/** The report for a terminal. */
export function textReport(report: AuditReport, { sources }: ReportContext): string {
  const verdicts = Object.entries(report.verdicts).toSorted(([, a], [, b]) => b - a);
  const newest = report.checkpoints.at(-1);
  const asked = chainWasAsked(report);
  const lines = [
    headline(report),
    '',
    `  log        ${report.origin}, ${count(report.size, 'entry', 'entries')}, root ${report.root}`,
    `  verdicts   ${verdicts.map(([verdict, n]) => `${number(n)} ${verdict}`).join(', ') || 'none'}`,
    `  proofs     ${number(report.proofsVerified)} verified with ${report.verifier}; ${count(report.recomputed, 'verdict', 'verdicts')} recomputed`,
    `  anchored   ${newest === undefined ? (asked ? 'nothing yet' : 'the chain was not asked') : `${count(report.checkpoints.length, 'checkpoint', 'checkpoints')}, the newest of size ${number(newest.size)} in block ${newest.block.number} at ${time(newest.block.timeMs)}, transaction ${newest.tx}`}`,
    `  above it   ${asked ? `${count(report.unanchored, 'entry', 'entries')} without an anchor yet; ` : ''}${count(report.pending.records, 'record', 'records')} without an entry yet`,
    `  read from  ${sources.records}; ${sources.log}; ${sources.chain}`,
    '',
    ...judgeClaims(report).map(({ claim, findings, codes, open }) => `  ${findings > 0 ? 'NO ' : open ? ' ? ' : 'ok '} ${claim}${findings === 0 ? '' : ` (${count(findings, 'finding', 'findings')}: ${codes.join(', ')})`}`),
  ];
  if (report.failures.length > 0) {
    lines.push('', 'Findings:');
    for (const failure of report.failures.slice(0, SHOWN)) lines.push(`  ${failure.code}: ${FAILURES[failure.code]}: ${placeOf(failure)}: ${failure.detail}`);
    if (report.failureCount > SHOWN) lines.push(`  and ${number(report.failureCount - Math.min(SHOWN, report.failures.length))} more`);
  }
  if (report.unchecked.length > 0) lines.push('', 'Not checked:', ...report.unchecked.map(({ code, detail }) => `  ${code}: ${detail}`));
  lines.push('', `${report.seconds.toFixed(1)} s, at most ${report.rssMiBMax} MiB`);
  return `${lines.map((line) => printable(line)).join('\n')}\n`;
}

/** What a log says must not steer a terminal. */
function printable(line: string): string {
  // eslint-disable-next-line no-control-regex
  return line.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
}
