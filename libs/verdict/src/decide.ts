import type { Candidate, Finding, Settled } from './examine.js';
import type { Reason } from './reasons.js';
import { isSameRecord } from './seen-nullifiers.js';
import { remember, type PartitionState, type VerifiedFacts } from './state.js';

/** The verdict VERIFIED with what the verified event says of time. */
export interface Verified extends VerifiedFacts {
  readonly verdict: 'VERIFIED';
  readonly candidate: Candidate;
  /** End of the window, ms since the Unix epoch. */
  readonly windowEnd: number;
  /** Older than actSeconds on arrival: logged, but nothing acts on it. */
  readonly late: boolean;
}

/** A refusal by a check that depends on earlier verdicts or on the proof. */
export interface Refused {
  readonly verdict: Reason;
  readonly candidate: Candidate;
  readonly detail: string;
  /** Source offset of the verified record that this one repeats byte for byte. */
  readonly duplicateOf: number | null;
}

export type Judgement = Settled | Verified | Refused;

/**
 * Which findings of a batch need their proof verified before they can be decided: a candidate that no check before PROOF_INVALID is sure to refuse.
 * Sure means whatever the verdicts before it will be: those can only raise clock and floor, and the clock no higher than the records' own timestamps.
 *
 * The state may therefore be older than the records before the batch, whose verdicts are not known yet, if their timestamps are: what is stale stays stale, since
 * clock and floor never fall; what is seen stays seen or becomes stale, since a nullifier is forgotten only when its epoch is below the floor; and what begins
 * too late for the highest timestamp until now begins too late for any clock until then.
 * @param highest no timestamp between the state and the batch is above it
 */
export function pendingProofs(state: PartitionState, findings: readonly Finding[], highest = state.clock): Candidate[] {
  highest = Math.max(highest, state.clock);
  return findings.filter((finding) => {
    highest = Math.max(highest, finding.source.timestamp);
    if (finding.status !== 'candidate' || finding.root !== 'known') return false;
    const lowest = Math.max(state.clock, finding.source.timestamp);
    // What the nullifier was verified for may be forgotten within the batch; that makes this record stale only if it claims the same epoch.
    const isSeen = state.seen.get(finding.event.nullifier)?.epoch === finding.event.epoch;
    return !isStale(finding, state.floor, lowest) && !isFuture(finding, highest) && !isSeen;
  }) as Candidate[];
}

/**
 * The verdict on a finding, given the state after the verdicts before it.
 * @param proofHolds asked for candidates of {@link pendingProofs} alone, as the last check
 */
export function decide(state: PartitionState, finding: Finding, proofHolds: (candidate: Candidate) => boolean): Judgement {
  if (finding.status === 'settled') return finding;
  const { event, source, parameters, root, basis } = finding;
  const clock = Math.max(source.timestamp, state.clock);
  const refuse = (verdict: Reason, detail: string, duplicateOf: number | null = null): Refused =>
    ({ verdict, candidate: finding, detail, duplicateOf });

  if (isStale(finding, state.floor, clock)) {
    return refuse('EPOCH_STALE', `epoch ${event.epoch} is below ${Math.max(state.floor, lowestEpoch(finding, clock))}`);
  }
  if (isFuture(finding, clock)) return refuse('EPOCH_FUTURE', `epoch ${event.epoch} begins more than one epoch after the broker's time`);
  if (root === 'unknown') return refuse('ROOT_UNKNOWN', `no such root up to block ${basis.block.number}`);
  if (root === 'revoked') return refuse('ROOT_REVOKED', `a leaf under the root was revoked, and the grace was over at block ${basis.block.number}`);
  const seen = state.seen.get(event.nullifier);
  if (seen !== undefined) {
    const resend = isSameRecord(seen, source.hash);
    return refuse('NULLIFIER_SEEN', `${resend ? 'the same record' : 'another record with this nullifier'} was verified at offset ${seen.offset}`, resend ? seen.offset : null);
  }
  if (!proofHolds(finding)) return refuse('PROOF_INVALID', `the proof does not hold for circuit ${event.circuit}`);

  const windowEnd = (event.epoch + 1) * parameters.epochSeconds * 1000;
  return {
    verdict: 'VERIFIED',
    candidate: finding,
    nullifier: event.nullifier,
    epoch: event.epoch,
    offset: source.offset,
    hash: source.hash,
    partitionClock: clock,
    epochFloor: Math.max(state.floor, lowestEpoch(finding, clock)),
    windowEnd,
    late: windowEnd < clock - parameters.actSeconds * 1000,
  };
}

/** The state after a verdict: only VERIFIED changes it. */
export function evolve(state: PartitionState, judgement: Judgement): PartitionState {
  return judgement.verdict === 'VERIFIED' ? remember(state, judgement) : state;
}

/** The first epoch whose window ended no longer than acceptSeconds ago: the least e with (e + 1) * epochSeconds >= clock - acceptSeconds. */
function lowestEpoch({ parameters: { epochSeconds, acceptSeconds } }: Candidate, clock: number): number {
  return Math.ceil((clock - acceptSeconds * 1000) / (epochSeconds * 1000)) - 1;
}

function isStale(candidate: Candidate, floor: number, clock: number): boolean {
  return candidate.event.epoch < Math.max(floor, lowestEpoch(candidate, clock));
}

/** Begins more than one epoch after the clock. */
function isFuture({ event: { epoch }, parameters: { epochSeconds } }: Candidate, clock: number): boolean {
  return (epoch - 1) * epochSeconds * 1000 > clock;
}
