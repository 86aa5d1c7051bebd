/**
 * What native/ costs beside snarkjs, in one run: a proof's share of a batch, and a proof of the telemetry circuit with its witness.
 * CPU is of all threads of this process; each figure is the least of several repetitions.
 * Run: npm run perf:native [-- REPETITIONS]
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNativeProver, createNativeVerifier, createSnarkjsProver, createSnarkjsVerifier, type BatchVerifier, type ProofJob, type Prover } from '#libs/proofs';
import { Household } from '../../libs/proofs/test/telemetry-case.fixture.js';
import { Trapdoor } from '../support/gate-trapdoor.js';

const repetitions = Number(process.argv[2] ?? 8);
const cores = availableParallelism();

interface Cost { cpu: number; wall: number }

async function least(times: number, work: () => Promise<void>): Promise<Cost> {
  const best: Cost = { cpu: Infinity, wall: Infinity };
  for (let i = 0; i < times; i++) {
    const [began, cpu] = [performance.now(), process.cpuUsage()];
    await work();
    const { user, system } = process.cpuUsage(cpu);
    best.cpu = Math.min(best.cpu, (user + system) / 1000);
    best.wall = Math.min(best.wall, performance.now() - began);
  }
  return best;
}

async function verifying(folder: string): Promise<void> {
  const trapdoor = new Trapdoor(16);
  mkdirSync(join(folder, 'simulated'));
  writeFileSync(join(folder, 'simulated', 'verification-key.json'), trapdoor.keyFile);
  const jobs: ProofJob[] = Array.from({ length: 512 }, (_, i) => {
    const publicSignals = Array.from({ length: 16 }, (__, signal) => (signal < 8 ? 2n ** 250n + BigInt(1000 * i + signal) : BigInt(i + signal)));
    return { circuit: 'simulated', proof: trapdoor.prove(publicSignals), publicSignals };
  });
  const rows: object[] = [];
  const row = async (name: string, verifier: BatchVerifier, threads: number, n: number, times: number) => {
    const batch = jobs.slice(0, n);
    const { cpu, wall } = await least(times, async () => { if ((await verifier.verifyBatch(batch)).includes(false)) throw new Error('a verdict is wrong'); });
    rows.push({ verifier: name, threads, batch: n, 'ms CPU a proof': (cpu / n).toFixed(3), 'ms a proof': (wall / n).toFixed(3), 'proofs/s': Math.round(1000 * n / wall), 'proofs a CPU second': Math.round(1000 * n / cpu) });
  };
  for (const threads of new Set([1, cores])) {
    const verifier = await createNativeVerifier({ circuits: ['simulated'], threads, folder });
    for (const n of threads === 1 ? [1, 8, 32, 128, 512] : [128, 512]) await row('native', verifier, threads, n, n < 32 ? 5 * repetitions : repetitions);
    await verifier.close();
  }
  const snarkjs = await createSnarkjsVerifier({ circuits: ['simulated'], threads: 1, folder });
  await row('snarkjs', snarkjs, 1, 8, repetitions);
  await snarkjs.close();
  console.table(rows);
}

async function proving(): Promise<void> {
  const input = { ...new Household().input() };
  const rows: object[] = [];
  let base: Cost | undefined;
  const row = async (name: string, prover: Prover, threads: number, times: number) => {
    await prover.prove('telemetry16', input);
    const cost = await least(times, async () => { await prover.prove('telemetry16', input); });
    base ??= cost;
    rows.push({ prover: name, threads, 's CPU': (cost.cpu / 1000).toFixed(2), s: (cost.wall / 1000).toFixed(2), 'faster in CPU': (base.cpu / cost.cpu).toFixed(1), faster: (base.wall / cost.wall).toFixed(1) });
    await prover.close();
  };
  await row('snarkjs', createSnarkjsProver({ threads: 1 }), 1, Math.min(3, repetitions));
  for (const threads of new Set([1, cores])) await row('native', createNativeProver({ threads }), threads, repetitions);
  console.table(rows);
}

const folder = mkdtempSync(join(tmpdir(), 'attestream-perf-'));
try {
  await verifying(folder);
  await proving();
} finally {
  rmSync(folder, { recursive: true });
}
