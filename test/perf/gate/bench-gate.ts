/**
 * What the gate does in a second, beside what one writes in an afternoon, all on the same messages: see docs/gate.md. Writes bench-gate.json into
 * ATTESTREAM_HOME, also when it fails.
 * Run: make bench-gate (ROWS=native2 RECORDS=3000 for one row without the rest)
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { reportHeader, type Check } from '../../../apps/cli/src/once/report.js';
import { writeJson } from '../../../apps/cli/src/write-json.js';
import { BenchWorld } from './bench-world.js';
import { GateUnderTest } from './gate-row.js';
import { honestMessages, type Made } from './messages.js';

const GATES = {
  snarkjs: { verifier: 'snarkjs', threads: 2, share: 0.1 },
  native1: { verifier: 'native', threads: 1, share: 1 },
  native2: { verifier: 'native', threads: 2, share: 1 },
} as const;
type GateId = keyof typeof GATES;

const startedAt = new Date();
const home = resolve(process.env['ATTESTREAM_HOME'] ?? '.attestream');
const only = process.env['ROWS']?.split(',');
const records = Number(process.env['RECORDS'] ?? 9000);
const say = (line: string) => process.stderr.write(`  bench    ${line}\n`);

interface Row {
  readonly id: string;
  readonly verifier: string;
  readonly threads: number;
  readonly records: number;
  readonly distinctProofs: number;
  readonly recordsPerSecond: number;
  readonly proofsPerCpuSecond: number;
  readonly recordsPerCpuSecond: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  readonly rssMiB: number;
}

async function gateRow(bench: BenchWorld, id: GateId, warmUp: readonly Made[], made: readonly Made[]): Promise<Row> {
  const { verifier, threads, share } = GATES[id];
  const some = made.slice(0, Math.max(200, Math.ceil(made.length * share)));
  const loaded = some.slice(0, Math.ceil((2 * some.length) / 3));
  const gate = await GateUnderTest.start(bench, { ATTESTREAM_GATE_VERIFIER: verifier, ATTESTREAM_GATE_VERIFIER_THREADS: String(threads) });
  try {
    await gate.throughput(warmUp.slice(0, Math.ceil(warmUp.length * share)));
    const run = await gate.throughput(loaded);
    const latency = await gate.latency(some.slice(loaded.length), run.recordsPerSecond / 2);
    await gate.check();
    const perCpuSecond = run.records / (run.cpu.process / 1e6);
    const threadCpu = Object.entries(run.cpu.threads).map(([name, micros]) => `${name} ${Math.round(micros / run.records)}`).join(', ');
    say(`${id}: ${Math.round(run.recordsPerSecond)} records/s, ${Math.round(perCpuSecond)} a CPU second; us a record by thread: ${threadCpu}; broker ${Math.round(run.brokerCpu.process / run.records)}; added at ${latency.perSecond}/s p50 ${latency.p50} ms, p99 ${latency.p99} ms`);
    return {
      id, verifier, threads, records: run.records, distinctProofs: run.records, recordsPerSecond: Math.round(run.recordsPerSecond),
      proofsPerCpuSecond: Math.round(perCpuSecond), recordsPerCpuSecond: Math.round(perCpuSecond), latencyMs: { p50: latency.p50, p99: latency.p99 }, rssMiB: await gate.stop(),
    };
  } catch (error) {
    await gate.stop();
    throw error;
  }
}

async function main(): Promise<void> {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const dir = mkdtempSync(join(home, 'bench-gate-'));
  const checks: Check[] = [];
  const report: Record<string, unknown> = {};
  let bench: BenchWorld | undefined;
  try {
    say(`load average ${loadavg().map((load) => load.toFixed(1)).join(' ')}`);
    bench = await BenchWorld.start(dir, 'bench-gate');
    const made = honestMessages(bench.world, records);
    const warmUp = honestMessages(bench.world, 1000, { firstHousehold: 1_000_000 });
    say(`${made.length} messages made`);
    const rows: Row[] = [];
    for (const id of Object.keys(GATES) as GateId[]) if (only === undefined || only.includes(id)) rows.push(await gateRow(bench, id, warmUp, made));
    Object.assign(report, { rows });
    console.table(rows);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    checks.push({ id: 'finished', ok: false, want: 'the whole run', got: error instanceof Error ? error.message : String(error) });
  } finally {
    await bench?.stop();
    rmSync(dir, { recursive: true, force: true });
  }
  const header = reportHeader('attestream/bench-gate/1', startedAt, checks);
  writeJson(join(home, 'bench-gate.json'), { ...header, ...report });
  for (const { id, ok, want, got } of checks) process.stdout.write(`${ok ? 'ok    ' : 'FAILED'} ${id}: ${got} (wanted ${want})\n`);
  process.stdout.write(`${header.seconds} s, load average ${loadavg()[0]!.toFixed(1)}; ${join(home, 'bench-gate.json')}\n`);
  process.exitCode = header.ok ? 0 : 1;
}

await main();
