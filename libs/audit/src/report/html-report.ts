import type { Verdict } from '#libs/verdict';
import { FAILURES, type AuditReport, type DeviceState, type Failure, type FailureCode } from '../audit-report.js';
import { judgeClaims } from './claims.js';
import type { ReportContext } from './context.js';
import { html, Html } from './html.js';
import { STYLE } from './style.js';
import { markEvery, timelineSvg } from './timeline.js';
import { chainWasAsked, count, headline, number, placeOf, time, VERDICT_WORDS } from './words.js';

/** Rows that a page shows of what may be very many. */
const SHOWN = { findings: 5, devices: 60, checkpoints: 40 };

/** One page that needs nothing beside it: no script, no font, no picture is fetched. Everything that a log or a record says is escaped. */
export function htmlReport(report: AuditReport, context: ReportContext): string {
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Audit of ${report.origin}</title><style>${new Html(STYLE)}</style></head>
<body><main>
<h1>Audit of the log ${report.origin}</h1>
<p class="verdict ${report.outcome}"><span class="sign" aria-hidden="true">${{ holds: '\u2713', violated: '\u2717', unchecked: '?' }[report.outcome]}</span><span>${headline(report)}</span></p>
${figures(report)}
${findings(report)}
${unchecked(report)}
<h2>What was checked</h2>
<ul class="claims">${judgeClaims(report).map(({ claim, findings: found, open }) => html`<li class="${found > 0 ? 'no' : open ? 'open' : 'yes'}">${claim}${found > 0 ? `: ${count(found, 'finding', 'findings')}` : open ? ': not all of it was checked' : ''}</li>`)}</ul>
<h2>Events over time</h2>
<div class="key"><span><i class="verified"></i>proven</span><span><i class="refused"></i>refused</span><span><i class="recorded"></i>recorded, in a scale of its own</span><span><i class="anchored"></i>checkpoint on the chain${markEvery(report.checkpoints.length) > 1 ? `, one of ${markEvery(report.checkpoints.length)}` : ''}</span></div>
<div class="scroll">${timelineSvg(report)}</div>
<h2>Verdicts by reason</h2>
${verdicts(report)}
<h2>Devices</h2>
${devices(report)}
<h2>Checkpoints on the chain</h2>
${checkpoints(report, context)}
<h2>Check it yourself</h2>
${yourself(report, context)}
<h2>How this report was made</h2>
${made(report, context)}
</main></body></html>
`;
  return page.text;
}

function figures(report: AuditReport): Html {
  const { entries, verdicts: by, proofsVerified, size, unanchored, checkpoints: anchors, devices: streams } = report;
  const refused = Object.entries(by).reduce((sum, [verdict, n]) => (verdict === 'VERIFIED' || verdict === 'RECORDED' ? sum : sum + n), 0);
  const all: [string, string][] = [
    [number(entries), 'entries looked at'], [number(by.VERIFIED ?? 0), 'events proven'], [number(refused), 'messages refused'], [number(proofsVerified), 'proofs verified again'],
    ...(chainWasAsked(report) ? [[number(size - unanchored), `of ${count(size, 'entry', 'entries')} covered by the chain`], [number(anchors.length), 'checkpoints']] as [string, string][] : []), [number(streams.length), 'streams of devices'],
  ];
  return html`<div class="figures">${all.map(([value, label]) => html`<div class="figure"><b>${value}</b><span>${label}</span></div>`)}</div>`;
}

function findings({ failures, failureCount, failuresByCode }: AuditReport): Html {
  if (failureCount === 0) return html``;
  const kept = Map.groupBy(failures, ({ code }) => code);
  return html`<h2>What does not hold</h2>${(Object.entries(failuresByCode) as [FailureCode, number][]).map(([code, n]) => finding(code, n, kept.get(code) ?? []))}`;
}

function finding(code: FailureCode, n: number, kept: readonly Failure[]): Html {
  const shown = kept.slice(0, SHOWN.findings);
  const more = n - shown.length;
  return html`<div class="finding"><h3>${sentence(FAILURES[code])} <code>${code}</code>${n > 1 ? `, ${number(n)} times` : ''}</h3>
<ul>${shown.map((failure) => html`<li>${placeOf(failure)}: ${failure.detail}</li>`)}${more > 0 ? [html`<li class="quiet">and ${number(more)} more</li>`] : []}</ul></div>`;
}

function unchecked({ unchecked: open }: AuditReport): Html {
  if (open.length === 0) return html``;
  return html`<h2>What could not be checked</h2>${open.map(({ code, detail }) => html`<div class="finding open"><h3>${detail}</h3><code>${code}</code></div>`)}`;
}

function verdicts({ verdicts: by, entries }: AuditReport): Html {
  const rows = (Object.entries(by) as [Verdict, number][]).toSorted(([, a], [, b]) => b - a);
  if (rows.length === 0) return html`<p class="quiet">No entry in this range.</p>`;
  const most = rows[0]![1];
  return html`<table><thead><tr><th>verdict</th><th class="n">events</th><th class="wide" style="width:30%"></th><th>in words</th></tr></thead><tbody>${rows.map(([verdict, n]) => html`<tr><td class="nowrap"><code>${verdict}</code></td><td class="n">${number(n)}<br><span class="quiet">${share(n, entries)}</span></td><td class="wide"><div class="bar ${verdict}" style="width:${((100 * n) / most).toFixed(1)}%"></div></td><td>${VERDICT_WORDS[verdict]}</td></tr>`)}</tbody></table>`;
}

function devices({ devices: all }: AuditReport): Html {
  if (all.length === 0) return html`<p class="quiet">No proven event in this range.</p>`;
  const shown = all.slice(0, SHOWN.devices);
  return html`<p class="quiet">The newest proven state of each stream. A pseudonym is all that the log knows of a household.</p>
<div class="scroll"><table><thead><tr><th>pseudonym</th><th>stream</th><th>state</th><th>at</th><th class="n">proven events</th></tr></thead><tbody>${shown.map((device) => html`<tr><td><code title="${device.pseudonym}">${short(device.pseudonym)}</code></td><td>${device.stream}</td><td><span class="state ${device.state}">${stateWords(device)}</span></td><td class="nowrap">${time(device.brokerTimeMs)}</td><td class="n">${number(device.verified)}</td></tr>`)}</tbody></table></div>${all.length > shown.length ? html`<p class="quiet">and ${number(all.length - shown.length)} more</p>` : html``}`;
}

function stateWords({ topic, state }: DeviceState): string {
  return topic === 'bci-intent' ? `intent ${state}` : state;
}

function checkpoints(report: AuditReport, { deployment, chainIsOwn }: ReportContext): Html {
  const { checkpoints: all, unanchored } = report;
  if (!chainWasAsked(report)) return html`<p>The chain was not asked.</p>`;
  if (all.length === 0) return html`<p>No checkpoint of this log stands on the chain${unanchored > 0 ? `: ${count(unanchored, 'entry is', 'entries are')} the operator's word` : ''}.</p>`;
  const shown = all.toReversed().slice(0, SHOWN.checkpoints);
  const where = deployment === null ? '' : `Contract ${deployment.checkpointAnchor} on chain ${deployment.chainId}. `;
  return html`<p class="quiet">${where}${chainIsOwn ? '' : 'The chain was read from the operator\'s side: bring a node of your own, or for an archive a block hash and the deployment. '}${unanchored === 0 ? 'Every entry is covered.' : `${count(unanchored, 'entry', 'entries')} came after the newest.`}</p>
<div class="scroll"><table><thead><tr><th class="n">entries</th><th>root</th><th>block</th><th>time</th><th>transaction</th></tr></thead><tbody>${shown.map(({ size, root, tx, block }) => html`<tr><td class="n">${number(size)}</td><td><code title="${root}">${short(root)}</code></td><td class="n">${block.number}</td><td class="nowrap">${time(block.timeMs)}</td><td><code title="${tx}">${short(tx)}</code></td></tr>`)}</tbody></table></div>${all.length > shown.length ? html`<p class="quiet">and ${number(all.length - shown.length)} earlier ones</p>` : html``}`;
}

function yourself({ origin, root, size }: AuditReport, { deployment }: ReportContext): Html {
  const contract = deployment?.checkpointAnchor ?? 'CONTRACT';
  return html`<p>Nothing here has to be believed. The whole audit again, with a node of your own:</p>
<pre>attestream audit --rpc YOUR_NODE --html report.html</pre>
<p>The head of the log as the chain has it, with any Ethereum tool; its root must be <code>${root}</code> once its size is ${number(size)}:</p>
<pre>cast call ${contract} 'head(bytes32)(uint64,bytes32)' $(cast keccak '${origin}') --block finalized --rpc-url YOUR_NODE</pre>
<p>One event by itself, with a file that needs no network and that foreign tools read (c2sp.org/tlog-proof):</p>
<pre>attestream prove telemetry/0/0
attestream verify telemetry-0-0.tlog-proof</pre>
<p>From an archive, years later, with no service running; a block hash, the contracts and the log's key are yours to bring:</p>
<pre>attestream audit --archive FOLDER --block-hash HASH --deployment FILE --vkey FILE</pre>`;
}

function made(report: AuditReport, { startedAt, machine, commit, dirty, sources }: ReportContext): Html {
  const rows: [string, string][] = [
    ['entries', `${number(report.range.from)} to ${number(report.range.to)} of ${number(report.size)}${report.topic === null ? '' : `, topic ${report.topic} alone`}`],
    ['root', report.root], ['records', sources.records], ['log', sources.log], ['chain', sources.chain],
    ['verifier', `${report.verifier}: ${count(report.proofsVerified, 'proof', 'proofs')}; ${count(report.recomputed, 'verdict', 'verdicts')} recomputed`],
    ['program', `attestream ${commit === null ? 'of no known commit' : commit.slice(0, 12)}${dirty ? ', with changes of its own' : ''}`],
    ['machine', `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}`],
    ['time', `${time(startedAt.getTime())}, ${report.seconds.toFixed(1)} s, at most ${number(report.rssMiBMax)} MiB`],
  ];
  return html`<dl>${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function share(n: number, all: number): string {
  const percent = all === 0 ? 0 : (100 * n) / all;
  return percent > 0 && percent < 0.1 ? '< 0.1 %' : `${percent.toFixed(1)} %`;
}

/** Enough of a hash to find it again; the whole is its title. */
function short(hash: string): string {
  return hash.length <= 20 ? hash : `${hash.slice(0, 12)}\u2026${hash.slice(-6)}`;
}
