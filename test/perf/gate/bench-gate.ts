/**
 * What the gate does in a second, beside what one writes in an afternoon, all on the same messages: see docs/gate.md. Writes bench-gate.json into
 * ATTESTREAM_HOME, also when it fails.
 * Run: make bench-gate (ROWS=native2 RECORDS=3000 for one row without the rest; PARTS=rows,bare,sweeps,windows,fairness)
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { loadNative } from '#libs/proofs';
import { reportHeader, type Check } from '../../../apps/cli/src/once/report.js';
import { writeJson } from '../../../apps/cli/src/write-json.js';
import { bareRows, realOverSimulated, type BareRow } from './bare.js';
import { BenchWorld } from './bench-world.js';
import { honestMessages } from './messages.js';
import type { Shares } from './profile.js';
import { gateEnv, measureRow, ROW_IDS, type Row, type RowId } from './rows.js';
import { fairness, SETTINGS, sweepRow, type SweepRow } from './sweeps.js';

const WANTED_RATIO = 40;
const WANTED_PER_CPU_SECOND = 2200;
const WANTED_P99_MS = 250;
const WANTED_RSS_MB = 300;
const WANTED_DISTINCT = 5000;
/** Real and simulated proofs go through the same equation; what is left between them is the machine's. */
const SAME_COST = 1.1;
/** Of the messages, for each setting of a sweep. */
const SWEEP_SHARE = 0.3;
const WINDOWS = [10_000, 100_000, 1_000_000, 10_000_000];
const PART_NAMES = ['rows', 'bare', 'sweeps', 'windows', 'fairness'] as const;

const startedAt = new Date();
const home = resolve(process.env['ATTESTREAM_HOME'] ?? '.attestream');
const only = process.env['ROWS']?.split(',');
const parts: readonly string[] = process.env['PARTS']?.split(',') ?? (only === undefined ? PART_NAMES : ['rows']);
const records = Number(process.env['RECORDS'] ?? 10_000);
const checks: Check[] = [];
const report: Record<string, unknown> = {};
const say = (line: string) => process.stderr.write(`  bench    ${line}\n`);
const check = (id: string, ok: boolean, want: string, got: string) => { checks.push({ id, ok, want, got }); };

/** All rows that this machine can have; native/ is not built everywhere. */
function rowsToMeasure(): RowId[] {
  const { missing } = loadNative();
  if (missing !== null) check('native', false, 'native/ is built', missing);
  return ROW_IDS.filter((id) => (only === undefined || only.includes(id)) && (missing === null || !id.startsWith('native')));
}

async function measureRows(bench: BenchWorld): Promise<Row[]> {
  const made = honestMessages(bench.world, records);
  const warmUp = honestMessages(bench.world, 1500, { firstHousehold: 1_000_000 });
  say(`${made.length + warmUp.length} messages made; load average ${loadavg().map((load) => load.toFixed(1)).join(' ')}`);
  const rows: Row[] = [];
  for (const id of rowsToMeasure()) {
    const { row, run, shares } = await measureRow(bench, id, warmUp, made);
    rows.push(row);
    Object.assign(report, { rows, profiles: { ...(report['profiles'] as object), [id]: { threads: run.cpu.threads, micros: shares.micros, functions: shares.functions } } });
    say(`${id}: ${row.recordsPerSecond} records/s, ${row.recordsPerCpuSecond} a CPU second, added p50 ${row.latencyMs.p50} ms and p99 ${row.latencyMs.p99} ms at ${row.latencyMs.recordsPerSecond}/s, ${row.rssMiB} MiB`);
    say(`${id}: us of CPU a record ${Object.entries(row.cpuMicros).map(([part, micros]) => `${part} ${micros}`).join(', ')}; broker ${row.brokerCpuMicros}`);
  }
  if (parts.includes('bare')) Object.assign(report, { bare: await measureBare(bench, rows, made) });
  return rows;
}

async function measureBare(bench: BenchWorld, rows: readonly Row[], made: ReturnType<typeof honestMessages>): Promise<BareRow[]> {
  const native = loadNative().missing === null;
  const bare = await bareRows(bench, made.slice(0, 4096), { native });
  console.table(bare);
  if (native) {
    const { ratio, real } = await realOverSimulated(bench, made);
    Object.assign(report, { realOverSimulated: Math.round(1000 * ratio) / 1000 });
    check('real-proofs', ratio < SAME_COST && ratio > 1 / SAME_COST, `${real} real proofs cost what simulated ones do`, `${ratio.toFixed(3)} of it`);
  }
  for (const row of rows) {
    const alone = bare.find(({ verifier, threads }) => verifier === row.verifier && threads === Math.min(row.threads, row.verifier === 'snarkjs' ? 1 : 2));
    if (alone === undefined) continue;
    const total = Object.values(row.cpuMicros).reduce((sum, micros) => sum + micros, 0);
    say(`${row.id}: ${total.toFixed(0)} us of CPU a record, of which the bare verifier takes ${alone.cpuMicrosPerProof}; in records/s ${row.recordsPerSecond} of ${alone.proofsPerSecond}`);
  }
  return bare;
}

/** The explanation of what is left: where the fastest row's main thread was, function by function. */
function showProfile(rows: readonly Row[]): void {
  const row = rows.find(({ id }) => id === fastest());
  const profile = (report['profiles'] as Record<string, Shares> | undefined)?.[fastest()];
  if (row === undefined || profile === undefined) return;
  const busy = Object.entries(profile.micros).reduce((sum, [part, micros]) => (part === 'idle' ? sum : sum + micros), 0);
  say(`${row.id}: the main thread is busy ${Math.round((100 * busy) / (busy + profile.micros.idle))} % of the time; its dearest functions:`);
  console.table(profile.functions.filter(({ part }) => part !== 'idle').slice(0, 15).map(({ name, part, micros }) => ({ function: name, part, '% of its busy time': Math.round((1000 * micros) / busy) / 10 })));
}

async function measureSweeps(bench: BenchWorld): Promise<SweepRow[]> {
  const sweeps: SweepRow[] = [];
  for (const setting of SETTINGS) {
    const row = await sweepRow(bench, setting, Math.round(records * SWEEP_SHARE), gateEnv(fastest()));
    sweeps.push(row);
    say(`${row.badPct} % bad, ${row.partitions} partitions, ${row.window} nullifiers before: ${row.recordsPerSecond} records/s, ${row.recordsPerCpuSecond} a CPU second`);
  }
  return sweeps;
}

async function measureWindows(folder: string): Promise<SweepRow[]> {
  const given = { windows: WINDOWS, records: Math.round(records * SWEEP_SHARE), folder: join(folder, 'windows'), threads: 2 };
  const script = fileURLToPath(new URL('./judge-window.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, script, JSON.stringify(given)], { maxBuffer: 1 << 20 });
  return stdout.trim().split('\n').map((line) => JSON.parse(line) as SweepRow);
}

function fastest(): 'native2' | 'snarkjs' {
  return loadNative().missing === null ? 'native2' : 'snarkjs';
}

function hold(rows: readonly Row[]): void {
  const [naive, native1, native2] = ['naive', 'native1', 'native2'].map((id) => rows.find((row) => row.id === id));
  if (naive && native2) {
    const ratioToNaive = Math.round((10 * native2.recordsPerSecond) / naive.recordsPerSecond) / 10;
    Object.assign(report, { ratioToNaive });
    check('ratio-to-naive', ratioToNaive >= WANTED_RATIO, `>= ${WANTED_RATIO}`, `${ratioToNaive}`);
  }
  for (const row of [native1, native2]) {
    if (row === undefined) continue;
    check(`${row.id}-cpu`, row.recordsPerCpuSecond >= WANTED_PER_CPU_SECOND, `>= ${WANTED_PER_CPU_SECOND} records a CPU second`, `${row.recordsPerCpuSecond}`);
    check(`${row.id}-latency`, row.latencyMs.p99 < WANTED_P99_MS, `p99 < ${WANTED_P99_MS} ms at half load`, `${row.latencyMs.p99} ms`);
    const rssMB = Math.round(row.rssMiB * 1.048576);
    check(`${row.id}-memory`, rssMB < WANTED_RSS_MB, `< ${WANTED_RSS_MB} MB resident at most`, `${rssMB}`);
    check(`${row.id}-distinct`, row.distinctProofs >= Math.min(WANTED_DISTINCT, 0.6 * records), `>= ${Math.min(WANTED_DISTINCT, 0.6 * records)} distinct proofs`, `${row.distinctProofs}`);
  }
}

async function measureFairness(bench: BenchWorld, perSecond: number): Promise<void> {
  const rows = await fairness(bench, gateEnv(fastest()), { perSecond, seconds: 6 });
  Object.assign(report, { fairness: rows });
  console.table(rows);
  const [calm, flooded] = rows as [typeof rows[0], typeof rows[0]];
  const total = (row: typeof calm) => row.othersPerSecond + row.sharingPerSecond;
  check('fairness', total(flooded) >= total(calm) / 2, `others keep half of their ${total(calm)}/s under a flood of bad proofs`, `${total(flooded)}/s beside ${flooded.floodPerSecond}/s of it`);
}

async function measureAll(bench: BenchWorld, dir: string): Promise<void> {
  if (parts.includes('rows')) {
    const rows = await measureRows(bench);
    hold(rows);
    console.table(rows.map(({ id, records: judged, recordsPerSecond, recordsPerCpuSecond, latencyMs, rssMiB }) => ({ id, records: judged, 'records/s': recordsPerSecond, 'records a CPU second': recordsPerCpuSecond, 'p50 ms': latencyMs.p50, 'p99 ms': latencyMs.p99, 'at records/s': latencyMs.recordsPerSecond, 'MiB at most': rssMiB })));
    console.table(Object.fromEntries(rows.map(({ id, cpuMicros }) => [id, cpuMicros])));
    showProfile(rows);
  }
  // A third of what two cores have been seen to do, or of what was measured now.
  const measured = (report['rows'] as Row[] | undefined)?.find(({ id }) => id === fastest())?.recordsPerSecond ?? 1500;
  if (parts.includes('fairness')) await measureFairness(bench, Math.round(measured / 3));
  const sweeps: SweepRow[] = [];
  if (parts.includes('sweeps')) sweeps.push(...(await measureSweeps(bench)));
  Object.assign(report, { sweeps });
  await bench.stop();
  if (parts.includes('windows')) sweeps.push(...(await measureWindows(dir)));
  if (sweeps.length > 0) console.table(sweeps);
}

/** Rejects when the run is told to stop, or something fails that nobody waits for: the broker must not outlive the benchmark. */
function interrupted(): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  process.once('unhandledRejection', reject);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => reject(new Error(signal)));
  return promise;
}

async function main(): Promise<void> {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const dir = mkdtempSync(join(home, 'bench-gate-'));
  let bench: BenchWorld | undefined;
  try {
    bench = await BenchWorld.start(dir, 'bench-gate');
    await Promise.race([measureAll(bench, dir), interrupted()]);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    check('finished', false, 'the whole run', error instanceof Error ? error.message : String(error));
  } finally {
    await bench?.stop().catch((error: unknown) => say(String(error)));
    rmSync(dir, { recursive: true, force: true });
  }
  const header = reportHeader('attestream/bench-gate/1', startedAt, checks);
  writeJson(join(home, 'bench-gate.json'), { ...header, ...report, loadAverage: loadavg().map((load) => Math.round(load * 10) / 10) });
  for (const { id, ok, want, got } of checks) process.stdout.write(`${ok ? 'reached    ' : 'NOT REACHED'} ${id}: ${got} (wanted ${want})\n`);
  process.stdout.write(`${header.seconds} s, load average ${loadavg()[0]!.toFixed(1)}; ${join(home, 'bench-gate.json')}\n`);
  process.exit(header.ok ? 0 : 1); // an interrupted run has work that nobody waits for
}

await main();
