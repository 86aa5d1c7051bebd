import type { Verifiers } from '#libs/proofs';
import { decide, evolve, pendingProofs, type Candidate, type Finding } from '#libs/verdict';
import type { Failure } from './audit-report.js';
import { comparison } from './comparison.js';
import type { AuditEntry } from './entry.js';
import { failureOf } from './failures.js';
import type { Findings } from './findings.js';
import type { Expected, Lane } from './lane.js';
import type { NullifierFile } from './nullifier-file.js';
import type { OwnChain } from './own-chain.js';
import type { Statistics } from './statistics.js';

/** One entry, one record, or both, on its way to a verdict. */
export interface Step {
  readonly lane: Lane | undefined;
  readonly leaf: number;
  readonly entry: AuditEntry | undefined;
  /** What the record says; undefined for an entry without one. */
  readonly facts: { readonly offset: number; readonly timestamp: number; readonly hash: Buffer } | undefined;
  readonly finding: Finding | undefined;
  /** The entry of a record that was passed over before. */
  readonly late?: boolean;
  /** A record that another log has the entry of. */
  readonly before?: boolean;
  /** Offset of a record whose entry is no longer waited for. */
  readonly givenUp?: number;
  readonly failures: readonly (readonly [Failure, number])[];
}

export interface SettlementParameters {
  readonly range: { readonly from: number };
  readonly chain: OwnChain | undefined;
  readonly verifiers: Verifiers;
  readonly findings: Findings;
  readonly statistics: Statistics;
  readonly nullifiers: NullifierFile;
  readonly onProofs: (count: number) => void;
}

/** Decides batches of steps, one after the other: proofs first, then verdicts in order, each compared with its entry. */
export class Settlement {
  constructor(private readonly parameters: SettlementParameters) {}

  async settle(steps: readonly Step[]): Promise<void> {
    const holds = await this.#verify(steps);
    for (const step of steps) {
      for (const [failure, times] of step.failures) this.parameters.findings.add(failure, times);
      this.#settleOne(step, holds);
    }
  }

  /** Proofs of records before the range are taken as logged: they are only there for the state that the range begins with. */
  async #verify(steps: readonly Step[]): Promise<Map<Candidate, boolean>> {
    const { verifiers, statistics, onProofs } = this.parameters;
    const candidates: Candidate[] = [];
    for (const [lane, ofLane] of Map.groupBy(steps.filter(({ finding }) => finding !== undefined), ({ lane }) => lane!)) {
      const wanted = new Set(ofLane.filter((step) => !this.#isTaken(step)).map(({ finding }) => finding!));
      candidates.push(...pendingProofs(lane.state, ofLane.map(({ finding }) => finding!)).filter((candidate) => wanted.has(candidate)));
    }
    const holds = await verifiers.verify(candidates);
    statistics.countRecomputed(candidates.length, 0);
    onProofs(candidates.length);
    return holds;
  }

  /** Before the range an entry's own word counts for its proof. */
  #isTaken({ leaf, entry }: Step): boolean {
    return leaf < this.parameters.range.from && entry !== undefined;
  }

  #settleOne(step: Step, holds: ReadonlyMap<Candidate, boolean>): void {
    const { lane, leaf, entry, facts, finding } = step;
    const { findings, statistics, range, chain } = this.parameters;
    const inRange = leaf >= range.from;
    if (entry !== undefined && inRange) statistics.count(entry);
    if (lane === undefined) return;
    if (step.givenUp !== undefined) {
      lane.missing.delete(step.givenUp);
      return;
    }
    if (step.late) {
      findings.add(failureOf('ENTRY_REORDERED', leaf, entry!, `an entry of a later record, up to offset ${lane.last}, came before it`));
      const passed = lane.missing.get(entry!.offset);
      lane.missing.delete(entry!.offset);
      if (passed !== undefined) for (const failure of comparison(leaf, entry!, passed.expected, chain, findings.full)) findings.add(failure);
      return;
    }
    const expected = this.#expectedOf(step, holds);
    if (finding !== undefined && inRange) statistics.countRecomputed(0, 1);
    if (step.before === true) {
      if (finding?.status === 'candidate' && expected.verdict === 'VERIFIED') this.parameters.nullifiers.add(finding.event.nullifier, -1);
      return;
    }
    if (entry === undefined) {
      lane.missing.set(facts!.offset, { leaf, expected });
      return;
    }
    if (finding?.status === 'candidate' && entry.verdict === 'VERIFIED') {
      this.parameters.nullifiers.add(finding.event.nullifier, leaf);
      if (inRange) statistics.device(finding);
    }
    if (inRange) for (const failure of comparison(leaf, entry, expected, chain, findings.full)) findings.add(failure);
  }

  #expectedOf(step: Step, holds: ReadonlyMap<Candidate, boolean>): Expected {
    const { lane, entry, facts, finding } = step;
    const { timestamp, hash } = facts!;
    if (finding === undefined) return { timestamp, hash, verdict: null, parameterVersion: null, registryBlock: null };
    const judgement = decide(lane!.state, finding, (candidate) => {
      if (this.#isTaken(step)) return entry!.verdict === 'VERIFIED';
      const held = holds.get(candidate);
      if (held === undefined) throw new TypeError(`the proof of ${candidate.source.topic}/${candidate.source.partition}/${candidate.source.offset} was not verified`);
      return held;
    });
    lane!.state = evolve(lane!.state, judgement);
    const { block, parameters } = finding.basis;
    return { timestamp, hash, verdict: judgement.verdict, parameterVersion: parameters.version, registryBlock: block };
  }
}
