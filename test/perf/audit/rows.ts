import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { audit, httpLog, type AuditReport, type Depth } from '#libs/audit';
import { createNobleVerifier, createSnarkjsVerifier, type BatchVerifier, type ProofJob } from '#libs/proofs';
import { AuditVerifier, AuditWorld, BEGIN_MS } from '../../support/audit-world.js';
import { optionsOf, type MadeLog } from './made-log.js';

const MIB = 2 ** 20;

export interface LogRow {
  readonly depth: Depth;
  /** Where tiles and bundles were read from. */
  readonly from: 'folder' | 'http';
  readonly entries: number;
  readonly seconds: number;
  readonly entriesPerSecond: number;
  readonly cpuMicrosPerEntry: number;
  /** Of this process, after 10 % and at most. */
  readonly rssMiB: { readonly atTenth: number; readonly most: number };
  readonly outcome: AuditReport['outcome'];
  readonly failureCount: number;
}

/** One audit of a made log. In a process of its own, so that its memory is its own. */
export async function logRow(made: MadeLog, depth: Depth, url?: string): Promise<LogRow> {
  const options = { ...optionsOf(made, readFileSync(join(made.dir, 'root'))), ...(url !== undefined && { log: httpLog(url) }) };
  let atTenth = 0;
  const before = process.cpuUsage();
  const report = await audit({ ...options, depth, onEvent: (event) => {
    if (event.kind === 'progress' && atTenth === 0 && event.leaf >= event.size / 10) atTenth = process.memoryUsage.rss();
  } });
  const { user, system } = process.cpuUsage(before);
  return {
    depth, from: url === undefined ? 'folder' : 'http', entries: made.entries, seconds: round(report.seconds, 2), entriesPerSecond: Math.round(made.entries / report.seconds), cpuMicrosPerEntry: round((user + system) / made.entries, 2),
    rssMiB: { atTenth: Math.round(atTenth / MIB), most: report.rssMiBMax }, outcome: report.outcome, failureCount: report.failureCount,
  };
}

export interface ProofRow {
  readonly verifier: string;
  readonly threads: number;
  readonly proofs: number;
  /** Rates of the audit and of the verifier alone, in turn, each first in every other round, so that a load that changes falls on both. */
  readonly auditPerSecond: readonly number[];
  readonly alonePerSecond: readonly number[];
  /** Of the times of all rounds. */
  readonly ratio: number;
  /** Of the CPU times: what the audit adds to its verifier, whatever else the machine does. */
  readonly cpuRatio: number;
  readonly outcome: AuditReport['outcome'];
}

/** An audit of telemetry with proofs beside the verifier alone with the same proofs, on as many threads. */
export async function proofRow(verifier: 'snarkjs' | 'noble', proofs: number, rounds: number): Promise<ProofRow> {
  const shared = new AuditVerifier();
  const threads = availableParallelism();
  const create = verifier === 'snarkjs' ? createSnarkjsVerifier : createNobleVerifier;
  const real = await create({ circuits: ['telemetry16'], threads, folder: shared.circuitsFolder });
  try {
    const world = AuditWorld.honest(shared);
    for (let i = 0; i < proofs; i++) world.say(100 + i, BEGIN_MS + 240_000 + i);
    world.judge();
    const jobs: ProofJob[] = [];
    const watched = (keep: boolean): BatchVerifier => ({
      name: verifier, close: async () => undefined,
      verifyBatch: async (asked) => {
        // Verifiers name circuits by their keys; here is one.
        const batch = asked.map((job) => ({ ...job, circuit: 'telemetry16' }));
        if (keep) jobs.push(...batch);
        return await real.verifyBatch(batch);
      },
    });
    const once = async (keep: boolean) => await world.audit({ verifier: { name: verifier, create: async () => watched(keep) } });
    await once(true); // starts the threads, and has the jobs
    const auditPerSecond: number[] = [];
    const alonePerSecond: number[] = [];
    let outcome: AuditReport['outcome'] = 'holds';
    const spent = { audit: { seconds: 0, cpu: 0 }, alone: { seconds: 0, cpu: 0 } };
    const timed = async (side: 'audit' | 'alone') => {
      const [began, before] = [performance.now(), process.cpuUsage()];
      if (side === 'audit') ({ outcome } = await once(false));
      else await real.verifyBatch(jobs);
      const [seconds, { user, system }] = [(performance.now() - began) / 1000, process.cpuUsage(before)];
      spent[side].seconds += seconds;
      spent[side].cpu += user + system;
      (side === 'audit' ? auditPerSecond : alonePerSecond).push(round(jobs.length / seconds, 1));
    };
    for (let i = 0; i < rounds; i++) for (const side of i % 2 === 0 ? (['audit', 'alone'] as const) : (['alone', 'audit'] as const)) await timed(side);
    const { audit: audited, alone } = spent;
    return {
      verifier, threads, proofs: jobs.length, auditPerSecond, alonePerSecond, ratio: round(alone.seconds / audited.seconds, 2), cpuRatio: round(alone.cpu / audited.cpu, 2), outcome,
    };
  } finally {
    await real.close();
    await shared.close();
  }
}

function round(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}
