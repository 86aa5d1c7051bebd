/**
 * The rules of the state machine PLANNED -> SIGNED -> SENT -> MINED -> FINAL: what follows from what is remembered and what is seen. Pure: who asks
 * the endpoints, writes the journal, signs and sends stands elsewhere. Nothing is decided for good before the chain has finalized it.
 */
import { AtsError } from '#libs/errors';
import type { TreeHead } from '#libs/log';
import type { AnchorEvent } from './events.js';
import { GWEI, firstFees, raisedFees, type Market } from './fees.js';
import { isDue, weiOf, type AnchorPolicy } from './policy.js';
import { sameHead, type AnchorState, type Attempt, type BlockId, type Fees, type Job } from './state.js';

/** What enough endpoints agree on, and the log's own head. */
export interface Observation {
  nowMs: number;
  /** The newest head of the log that may be anchored. */
  log: TreeHead | undefined;
  /** The chain's height. */
  latest: number;
  market: Market;
  /** The state at one finalized block; undefined when there is none to agree on. */
  final: FinalView | undefined;
  /** Of each attempt of the job, by hash. Asked after `final`, so that a block that is seen at a final height is final. */
  sightings: ReadonlyMap<string, Sighting>;
  /** Some endpoint has neither the newest attempt nor its receipt. */
  missing: boolean;
}

/** `nonce`: how many transactions of the account are final. */
export interface FinalView { readonly block: BlockId; readonly head: TreeHead; readonly nonce: number }

/** `mined`: in this block of the canonical chain; `head` is the one that its event says it anchored. `absent`: in none, up to the finalized block and to where it was seen before. */
export type Sighting =
  | { readonly seen: 'mined'; readonly block: BlockId; readonly ok: boolean; readonly head: TreeHead | undefined }
  | { readonly seen: 'absent' }
  | { readonly seen: 'unknown' };

/** To be done after the state is durable: first `send`, then `sign`. */
export interface Decision {
  state: AnchorState;
  events: AnchorEvent[];
  /** A signed transaction that some endpoint may lack. */
  send?: string;
  sign?: SignRequest;
  problem?: AtsError;
}

/** `first`: prove from `head`. `replacement`: the data of `previous`, at other fees. `atBlock`: the chain's height now. */
export type SignRequest = { nonce: number; fees: Fees; atBlock: number } & ({ kind: 'first'; head: TreeHead } | { kind: 'replacement'; previous: Attempt });

/** Blocks without a receipt after which an attempt is replaced. */
export const BUMP_AFTER_BLOCKS = 3;

export function decide(before: AnchorState, seen: Observation, policy: AnchorPolicy): Decision {
  const diverged = divergence(before, seen.final);
  if (diverged) return { state: before, events: [], problem: diverged };
  const final = standsBehind(before, seen.final) ? undefined : seen.final;
  return decideJob(withWaiting(withAnchored(before, final), seen), { ...seen, final }, policy);
}

function decideJob(state: AnchorState, seen: Observation, policy: AnchorPolicy): Decision {
  switch (state.job?.step) {
    case undefined: return plan(state, seen, policy);
    case 'PLANNED': return sign(state, state.job, seen, policy);
    case 'SIGNED': case 'SENT': return follow(state, state.job, seen, policy);
    case 'MINED': return settle(state, state.job, seen);
  }
}

function plan(state: AnchorState, { log, final, market, nowMs }: Observation, policy: AnchorPolicy): Decision {
  if (!log || !final) return keep(state);
  const { head } = final;
  if (log.size < head.size) return keep(state, new AtsError('ATS_ANCHOR_AHEAD', `${head.size} entries are anchored, the log has ${log.size}`));
  if (log.size === head.size) return sameHead(log, head) || log.size === 0 ? keep(state) : keep(state, forked(head, log));
  const ageSeconds = state.waiting ? (nowMs - state.waiting.sinceMs) / 1000 : 0;
  if (!isDue({ entries: log.size - head.size, ageSeconds, baseFee: market.baseFee }, policy)) return keep(state);
  // nothing is promised that can't be paid for: a later head will do
  if (!firstFees(market, weiOf(policy.maxFeeGwei))) return keep(state, tooDear(market, policy));
  return { state: { ...state, waiting: null, job: { step: 'PLANNED', target: log } }, events: [{ type: 'planned', head: log }] };
}

function sign(state: AnchorState, { target }: Job, { final, market, latest }: Observation, policy: AnchorPolicy): Decision {
  if (!final) return keep(state);
  if (final.head.size >= target.size) return covered(state, target, final);
  const fees = firstFees(market, weiOf(policy.maxFeeGwei));
  if (!fees) return keep(state, tooDear(market, policy));
  return { ...keep(state), sign: { kind: 'first', nonce: final.nonce, head: final.head, fees, atBlock: latest } };
}

function follow(state: AnchorState, job: Job & { step: 'SIGNED' | 'SENT' }, seen: Observation, policy: AnchorPolicy): Decision {
  const { target, nonce, attempts } = job;
  for (const { hash } of attempts) {
    const sighting = seen.sightings.get(hash);
    if (sighting?.seen !== 'mined') continue;
    const { block, ok, head } = sighting;
    if (ok && !(head && sameHead(head, target))) {
      return keep(state, new AtsError('ATS_CHAIN_WRONG', `${hash} succeeded in block ${block.number} and did not anchor what it was sent for`));
    }
    return { state: { ...state, job: { ...job, step: 'MINED', mined: { hash, block, ok } } }, events: [{ type: 'mined', head: target, tx: hash, block, ok }] };
  }
  const { final } = seen;
  // The nonce is spent for good, and not by us. On the newest block this would be a race with a reorganisation.
  if (final && final.nonce > nonce && attempts.every(({ hash }) => seen.sightings.get(hash)?.seen === 'absent')) {
    return final.head.size >= target.size ? covered(state, target, final) : replan(state, target, `nonce ${nonce} was spent by another transaction`);
  }
  const newest = attempts.at(-1)!;
  const decision: Decision = { ...keep(state), ...((job.step === 'SIGNED' || seen.missing) && { send: newest.raw }) };
  if (seen.latest - newest.atBlock < (policy.bumpAfterBlocks ?? BUMP_AFTER_BLOCKS)) return decision;
  const fees = raisedFees(newest.fees, seen.market, weiOf(policy.maxFeeGwei));
  if (!fees) return { ...decision, problem: tooDear(seen.market, policy, newest) };
  return { ...decision, sign: { kind: 'replacement', nonce, previous: newest, fees, atBlock: seen.latest } };
}

function settle(state: AnchorState, job: Job & { step: 'MINED' }, { final, sightings }: Observation): Decision {
  const { target, nonce, attempts, mined } = job;
  const sighting = sightings.get(mined.hash);
  if (!sighting || sighting.seen === 'unknown') return keep(state);
  if (sighting.seen === 'absent' || sighting.block.hash !== mined.block.hash) {
    return {
      state: { ...state, job: { step: 'SENT', target, nonce, attempts } },
      events: [{ type: 'reorganised', head: target, tx: mined.hash, block: mined.block }],
      send: attempts.at(-1)!.raw,
    };
  }
  if (!final || final.block.number < mined.block.number) return keep(state);
  if (!mined.ok) return final.head.size >= target.size ? covered(state, target, final) : replan(state, target, `${mined.hash} failed in block ${mined.block.number}`);
  if (final.head.size < target.size) return keep(state, new AtsError('ATS_CHAIN_WRONG', `${mined.hash} anchored ${target.size} entries in block ${mined.block.number}, and the log has ${final.head.size} in block ${final.block.number}`));
  return {
    state: { ...state, job: null, anchored: { head: target, tx: mined.hash, block: mined.block } },
    events: [{ type: 'final', head: target, tx: mined.hash, block: mined.block }],
  };
}

/** The chain's final head has reached the target without a transaction of ours that is known to have done it. */
function covered(state: AnchorState, target: TreeHead, { head, block }: FinalView): Decision {
  if (head.size === target.size && !sameHead(head, target)) return keep(state, forked(head, target));
  return {
    state: { ...state, job: null, anchored: { head, tx: null, block } },
    events: [head.size === target.size ? { type: 'adopted', head, block } : { type: 'overtaken', head: target, by: head, block }],
  };
}

/** The same checkpoint again, with a new nonce and a proof from the head of then. */
function replan(state: AnchorState, target: TreeHead, why: string): Decision {
  return { state: { ...state, job: { step: 'PLANNED', target } }, events: [{ type: 'replanned', head: target, why }] };
}

/** Takes over what is final on chain and not from us: the account of an earlier journal, or another one with the role. */
function withAnchored(state: AnchorState, final: FinalView | undefined): AnchorState {
  if (!final || state.job || final.head.size <= (state.anchored?.head.size ?? 0)) return state;
  return { ...state, anchored: { head: final.head, tx: null, block: final.block } };
}

function withWaiting(state: AnchorState, { log, nowMs }: Observation): AnchorState {
  const beyond = state.job?.target.size ?? state.anchored?.head.size ?? 0;
  if (!log || log.size <= beyond || state.waiting?.beyond === beyond) return state;
  return { ...state, waiting: { beyond, sinceMs: nowMs } };
}

/** The agreed block lies before what was final already: its state is old. */
function standsBehind({ anchored }: AnchorState, final: FinalView | undefined): boolean {
  return anchored !== null && final !== undefined && final.block.number < anchored.block.number;
}

function divergence(state: AnchorState, final: FinalView | undefined): AtsError | undefined {
  const { anchored } = state;
  if (!anchored || !final || standsBehind(state, final)) return undefined;
  const { head, block } = anchored;
  if (final.head.size > head.size || sameHead(final.head, head)) return undefined;
  return new AtsError('ATS_CHAIN_DIVERGED', `${head.size} entries were anchored in block ${block.number}, and final block ${final.block.number} has ${final.head.size}`);
}

const keep = (state: AnchorState, problem?: AtsError): Decision => ({ state, events: [], ...(problem && { problem }) });

const forked = (chain: TreeHead, log: TreeHead): AtsError =>
  new AtsError('ATS_ANCHOR_FORKED', `size ${log.size}: the chain has root ${chain.root.toString('hex')}, the log ${log.root.toString('hex')}`);

function tooDear({ baseFee, tip }: Market, { maxFeeGwei }: AnchorPolicy, previous?: Attempt): AtsError {
  const offered = previous ? `, ${gwei(previous.fees.maxFeePerGas)} are offered already` : '';
  return new AtsError('ATS_ANCHOR_FEE_CEILING', `the chain asks ${gwei(baseFee + tip)} gwei${offered}, the ceiling is ${maxFeeGwei} gwei`);
}

/** Text of gwei with all its digits. */
export function gwei(wei: bigint): string {
  const digits = (wei % GWEI).toString().padStart(9, '0').replace(/0+$/, '');
  return `${wei / GWEI}${digits && `.${digits}`}`;
}
