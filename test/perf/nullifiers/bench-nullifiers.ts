/**
 * What the gate's memory of nullifiers takes beside a Map and a Set of the same, and how fast it is rebuilt from a broker: see docs/gate.md. Writes
 * perf-nullifiers.json into ATTESTREAM_HOME, also when it fails.
 * Run: npm run perf:nullifiers (RECORDS=300000 for a shorter rebuild; WINDOWS=100000,1000000 for these alone)
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { reportHeader, type Check } from '../../../apps/cli/src/once/report.js';
import { writeJson } from '../../../apps/cli/src/write-json.js';
import { plain } from './plain.js';
import { measureRebuild } from './rebuild.js';
import type { Holder, WindowRow } from './window.js';

const WANTED_BYTES = 32;
/** Below, what a memory has for being one outweighs what it holds. */
const BYTES_HOLD_FROM = 100_000;
const WANTED_MB_AT_10M = 400;
const WANTED_REBUILT = 200_000;
const TIMES = 2;
/** As the apps are started. */
const NODE_ARGS = ['--max-semi-space-size=8'];

const startedAt = new Date();
const home = resolve(process.env['ATTESTREAM_HOME'] ?? '.attestream');
const records = Number(process.env['RECORDS'] ?? 500_000);
const windows = (process.env['WINDOWS'] ?? '10000,100000,1000000,10000000').split(',').filter((size) => size !== '').map(Number);
const checks: Check[] = [];
const report: Record<string, unknown> = {};
const check = (id: string, ok: boolean, want: string, got: string) => { checks.push({ id, ok, want, got }); };

async function measureWindows(folder: string): Promise<WindowRow[]> {
  const program = plain('test/perf/nullifiers/window.ts', folder);
  const asked: [Holder, number][] = windows.flatMap((entries): [Holder, number][] => (entries === 1_000_000 ? [['memory', entries], ['Map', entries], ['Set', entries]] : [['memory', entries]]));
  const rows: WindowRow[] = [];
  for (const [holder, entries] of asked) {
    const { stdout } = await promisify(execFile)(process.execPath, [...NODE_ARGS, program, holder, String(entries)]);
    rows.push(JSON.parse(stdout) as WindowRow);
  }
  return rows;
}

function hold(rows: readonly WindowRow[]): void {
  for (const { holder, entries, bytesAnEntry, bytesAnEntryMoving, rssMB, rssMBMoving } of rows) {
    if (holder !== 'memory') continue;
    const bytes = Math.max(bytesAnEntry, bytesAnEntryMoving);
    if (entries >= BYTES_HOLD_FROM) check(`bytes-${entries}`, bytes <= WANTED_BYTES, `<= ${WANTED_BYTES} bytes an entry, also moving`, `${bytes}`);
    const added = Math.round(rssMBMoving - rssMB);
    if (entries === 10_000_000) check('memory', added < WANTED_MB_AT_10M, `< ${WANTED_MB_AT_10M} MB more resident at most than before, also moving`, `${added} MB, the whole process ${rssMBMoving} MB`);
  }
}

async function main(): Promise<void> {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const folder = mkdtempSync(join(home, 'perf-nullifiers-'));
  try {
    if (records > 0) {
      const rebuilds = await measureRebuild(join(folder, 'kafka'), records, TIMES);
      Object.assign(report, { rebuilds });
      console.table(rebuilds);
      const best = Math.max(...rebuilds.map(({ recordsPerSecond }) => recordsPerSecond));
      check('rebuild', best >= WANTED_REBUILT, `>= ${WANTED_REBUILT} records/s from a broker, the best of ${TIMES}`, `${best}`);
    }
    const rows = await measureWindows(join(folder, 'plain'));
    Object.assign(report, { rows });
    console.table(rows);
    hold(rows);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    check('finished', false, 'the whole run', error instanceof Error ? error.message : String(error));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const header = reportHeader('attestream/perf-nullifiers/1', startedAt, checks);
  writeJson(join(home, 'perf-nullifiers.json'), { ...header, ...report, loadAverage: loadavg().map((load) => Math.round(load * 10) / 10) });
  for (const { id, ok, want, got } of checks) process.stdout.write(`${ok ? 'reached    ' : 'NOT REACHED'} ${id}: ${got} (wanted ${want})\n`);
  process.stdout.write(`${header.seconds} s, load average ${loadavg()[0]!.toFixed(1)}; ${join(home, 'perf-nullifiers.json')}\n`);
  process.exitCode = header.ok ? 0 : 1;
}

await main();
