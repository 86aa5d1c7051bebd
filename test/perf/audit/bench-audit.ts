/**
 * What an audit costs: a log alone, with its records, with its verdicts, from files; and with proofs, beside the verifier alone. Each row in a process
 * of its own. Writes bench-audit.json into ATTESTREAM_HOME, also when it fails.
 * Run: make bench-audit (ENTRIES=1000000 PROOFS=400)
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { serveLog } from '#libs/log';
import { reportHeader, type Check } from '../../../apps/cli/src/once/report.js';
import { writeJson } from '../../../apps/cli/src/write-json.js';
import { makeLog, type MadeLog } from './made-log.js';
import { logRow, proofRow, type LogRow, type ProofRow } from './rows.js';

const ROUNDS = 4;
/** No row begins later than this: a busy machine has fewer rows, and says so. */
const ROWS_UNTIL_SECONDS = 180;
const WANTED_ENTRIES_PER_SECOND = 100_000;
const WANTED_RATIO = 0.8;
/** Memory after all entries may be this much of what it is after a tenth of them. */
const FLAT = 1.5;

type RowName = { log: MadeLog; depth: LogRow['depth']; url?: string } | { verifier: 'snarkjs' | 'noble'; proofs: number };

async function childRow(name: RowName): Promise<LogRow | ProofRow> {
  return 'log' in name ? await logRow(name.log, name.depth, name.url) : await proofRow(name.verifier, name.proofs, ROUNDS);
}

async function inProcess<R>(name: RowName): Promise<R> {
  const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), JSON.stringify(name)], { maxBuffer: 1 << 20 });
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as R;
}

async function main(): Promise<void> {
  const startedAt = new Date();
  const home = resolve(process.env['ATTESTREAM_HOME'] ?? '.attestream');
  const entries = Number(process.env['ENTRIES'] ?? 1_000_000);
  const proofs = Number(process.env['PROOFS'] ?? 400);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const work = mkdtempSync(join(home, 'bench-audit-'));
  const checks: Check[] = [];
  const check = (id: string, ok: boolean, want: string, got: string) => { checks.push({ id, ok, want, got }); };
  const report: Record<string, unknown> = {};
  const say = (line: string) => process.stderr.write(`  bench    ${line}\n`);
  const isLate = (name: string) => {
    const late = Date.now() - startedAt.getTime() > 1000 * ROWS_UNTIL_SECONDS;
    if (late) check(`${name}-begun`, false, `within ${ROWS_UNTIL_SECONDS} s`, 'left out: the machine is too busy');
    return late;
  };
  try {
    say(`a log of ${entries} entries and its records; load average ${loadavg().map((load) => load.toFixed(1)).join(' ')}`);
    const log = await makeLog(work, entries);
    const logRows: LogRow[] = [];
    const served = createServer((request, response) => { void serveLog(work)(request, response); }).listen(0, '127.0.0.1');
    await once(served, 'listening');
    const url = `http://127.0.0.1:${(served.address() as AddressInfo).port}/`;
    for (const [depth, from] of [['log'], ['log'], ['log', url], ['records'], ['verdicts']] as const) {
      if (isLate(depth)) continue;
      const made = await inProcess<LogRow>({ log, depth, ...(from !== undefined && { url: from }) });
      logRows.push(made);
      say(`${depth}, ${made.from}: ${made.entriesPerSecond} entries/s, ${made.cpuMicrosPerEntry} us CPU an entry, ${made.rssMiB.most} MiB`);
    }
    served.close();
    const proofRows: ProofRow[] = [];
    for (const verifier of ['snarkjs', 'noble'] as const) {
      if (isLate(verifier)) continue;
      const made = await inProcess<ProofRow>({ verifier, proofs });
      proofRows.push(made);
      say(`${verifier}: ${made.auditPerSecond.join(' ')} proofs/s in the audit, ${made.alonePerSecond.join(' ')} alone`);
    }
    Object.assign(report, { logRows, proofRows, loadAverage: loadavg().map((load) => Math.round(load * 10) / 10) });
    console.table(logRows.map(({ depth, from, entriesPerSecond, cpuMicrosPerEntry, rssMiB }) => ({ audit: depth, from, 'entries/s': entriesPerSecond, 'CPU us an entry': cpuMicrosPerEntry, 'MiB at 10 %': rssMiB.atTenth, 'MiB at most': rssMiB.most })));
    console.table(proofRows.map(({ verifier, threads, auditPerSecond, alonePerSecond, ratio, cpuRatio }) => ({ verifier, threads, 'audit, proofs/s': auditPerSecond.join(' '), 'alone, proofs/s': alonePerSecond.join(' '), ratio, 'ratio of CPU': cpuRatio })));
    const fastest = Math.max(...logRows.filter(({ depth, from }) => depth === 'log' && from === 'folder').map(({ entriesPerSecond }) => entriesPerSecond));
    check('log-only', fastest >= WANTED_ENTRIES_PER_SECOND, `>= ${WANTED_ENTRIES_PER_SECOND} entries/s`, `${fastest}`);
    for (const { depth, from, failureCount, rssMiB } of logRows) {
      check(`${depth}-${from}-sound`, failureCount === 0, 'no failure', `${failureCount}`);
      check(`${depth}-${from}-memory`, rssMiB.most <= FLAT * rssMiB.atTenth, `at most ${FLAT} x the ${rssMiB.atTenth} MiB after a tenth`, `${rssMiB.most} MiB`);
    }
    for (const { verifier, ratio, outcome } of proofRows) {
      check(`${verifier}-ratio`, ratio >= WANTED_RATIO, `>= ${WANTED_RATIO} of the verifier alone`, `${ratio}`);
      check(`${verifier}-holds`, outcome === 'holds', 'holds', outcome);
    }
  } catch (error) {
    check('finished', false, 'the whole run', error instanceof Error ? error.message : String(error));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  const header = reportHeader('attestream/bench-audit/1', startedAt, checks);
  writeJson(join(home, 'bench-audit.json'), { ...header, ...report });
  for (const { id, ok, want, got } of checks) process.stdout.write(`${ok ? 'ok    ' : 'FAILED'} ${id}: ${got} (wanted ${want})\n`);
  process.stdout.write(`${header.seconds} s, load average ${loadavg()[0]!.toFixed(1)}; ${join(home, 'bench-audit.json')}\n`);
  process.exitCode = header.ok ? 0 : 1;
}

const [row] = process.argv.slice(2);
if (row === undefined) await main();
else process.stdout.write(`\n${JSON.stringify(await childRow(JSON.parse(row) as RowName))}\n`);
