import { createNativeProver, createNativeVerifier, createSnarkjsVerifier, type BatchVerifier, type ProofJob } from '#libs/proofs';
import { Household } from '../../../libs/proofs/test/telemetry-case.fixture.js';
import type { BenchWorld } from './bench-world.js';
import type { Made } from './messages.js';

const CIRCUIT = 'telemetry16';
/** Proofs in one batch: where native/ costs least. */
const BATCH = 256;
const REAL = 8;
const TILED = 256;

export interface BareRow {
  readonly verifier: string;
  readonly threads: number;
  readonly proofsPerSecond: number;
  readonly cpuMicrosPerProof: number;
}

/** The proofs of some messages with the signals that the gate makes of them. */
export function jobsOf({ world, codec }: BenchWorld, made: readonly Made[]): ProofJob[] {
  return made.map(({ record }) => {
    const event = codec.decode('telemetry', record.value);
    return { circuit: CIRCUIT, proof: event.proof, publicSignals: world.publicSignals(event, record) };
  });
}

/** The verifiers alone, in this process: what a gate without Kafka and rules would do. */
export async function bareRows(bench: BenchWorld, made: readonly Made[], { native }: { native: boolean }): Promise<BareRow[]> {
  const jobs = jobsOf(bench, made);
  const { folder } = bench.circuits;
  const rows: BareRow[] = [];
  if (native) {
    for (const threads of [1, 2]) {
      const verifier = await createNativeVerifier({ circuits: [CIRCUIT], threads, folder });
      await rate(verifier, jobs.slice(0, BATCH));
      rows.push({ verifier: 'native', threads, ...(await rate(verifier, jobs)) });
      await verifier.close();
    }
  }
  const snarkjs = await createSnarkjsVerifier({ circuits: [CIRCUIT], threads: 1, folder });
  await rate(snarkjs, jobs.slice(0, 20));
  rows.push({ verifier: 'snarkjs', threads: 1, ...(await rate(snarkjs, jobs.slice(0, 100))) });
  await snarkjs.close();
  return rows;
}

/**
 * Whether proofs that were simulated cost what real ones do: CPU of a batch of real proofs under the committed key over that of as many simulated ones,
 * each the least of several rounds. The real ones are few, and repeated; so are the simulated ones then.
 */
export async function realOverSimulated(bench: BenchWorld, made: readonly Made[]): Promise<{ ratio: number; real: number }> {
  const prover = createNativeProver({ threads: 2 });
  const real: ProofJob[] = [];
  while (real.length < REAL) real.push({ circuit: CIRCUIT, ...(await prover.prove(CIRCUIT, { ...new Household().input() })) });
  await prover.close();
  const simulated = jobsOf(bench, made.slice(0, REAL));
  const least = async (jobs: readonly ProofJob[], folder?: string) => {
    const verifier = await createNativeVerifier({ circuits: [CIRCUIT], threads: 1, ...(folder !== undefined && { folder }) });
    const tiled = Array.from({ length: TILED }, (_, i) => jobs[i % jobs.length]!);
    let best = Infinity;
    for (let round = 0; round < 6; round++) best = Math.min(best, (await rate(verifier, tiled)).cpuMicrosPerProof);
    await verifier.close();
    return best;
  };
  return { ratio: (await least(real)) / (await least(simulated, bench.circuits.folder)), real: REAL };
}

async function rate(verifier: BatchVerifier, jobs: readonly ProofJob[]): Promise<{ proofsPerSecond: number; cpuMicrosPerProof: number }> {
  const cpu = process.cpuUsage();
  const began = performance.now();
  for (let at = 0; at < jobs.length; at += BATCH) {
    if ((await verifier.verifyBatch(jobs.slice(at, at + BATCH))).includes(false)) throw new Error(`${verifier.name} refuses a good proof`);
  }
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { proofsPerSecond: Math.round(jobs.length / seconds), cpuMicrosPerProof: Math.round((user + system) / jobs.length) };
}
