/**
 * Proofs a second of the gate with snarkjs behind it, through a real broker with transactions, beside snarkjs alone in one thread and the pool of
 * verifying threads alone. All rows judge the same messages, whose proofs are simulated for a throwaway key.
 * Run: npm run perf:gate [-- MESSAGES]
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import * as snarkjs from 'snarkjs';
import { createSnarkjsVerifier, decodeProof, type ProofJob } from '#libs/proofs';
import { GateWorld } from '../support/gate-world.js';

const count = Number(process.argv[2] ?? 400);
const rows: { verifier: string; threads: number; messages: number; seconds: string; 'proofs/s': string; ratio: string }[] = [];
let naive = 0;

/** Times the work; the first row is what the others are compared with. */
async function row(verifier: string, threads: number, messages: number, work: () => Promise<boolean>): Promise<void> {
  const began = performance.now();
  if (!await work()) throw new Error(`${verifier}: a verdict is wrong`);
  const seconds = (performance.now() - began) / 1000;
  const rate = messages / seconds;
  naive ||= rate;
  rows.push({ verifier, threads, messages, seconds: seconds.toFixed(1), 'proofs/s': rate.toFixed(1), ratio: (rate / naive).toFixed(2) });
}

const world = await GateWorld.start();
try {
  const records = Array.from({ length: count }, (_, household) => world.message({ household }));
  const jobs: ProofJob[] = records.map((record) => ({
    circuit: 'telemetry16', proof: record.value.subarray(-256), publicSignals: world.publicSignals(record, world.codec.decode('telemetry', record.value)),
  }));
  const key: unknown = JSON.parse(world.trapdoor.keyFile.toString());

  const alone = jobs.slice(0, Math.min(count, 100));
  await row('snarkjs.groth16.verify', 1, alone.length, async () => {
    for (const { proof, publicSignals } of alone) if (!await snarkjs.groth16.verify(key, publicSignals.map(String), decodeProof(proof))) return false;
    return true;
  });
  for (const threads of new Set([1, availableParallelism()])) {
    const verifier = await createSnarkjsVerifier({ circuits: ['telemetry16'], threads, folder: join(world.dir, 'circuits') });
    await verifier.verifyBatch(jobs.slice(0, threads));
    await row('verifyBatch', threads, count, async () => (await verifier.verifyBatch(jobs)).every(Boolean));
    await verifier.close();
  }
  await row('the gate, produce to audit entry', availableParallelism(), count, async () => (await world.verdicts(await world.send(...records), 600_000)).every((verdict) => verdict === 'VERIFIED'));
} finally {
  await world.stop();
  await (globalThis as { curve_bn128?: { terminate(): Promise<void> } | null }).curve_bn128?.terminate();
}
console.table(rows);
