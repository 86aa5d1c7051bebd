import { fieldToBytes } from '#libs/events';
import { BLOCK, context, EPOCH_SECONDS, NOW, parameterSet, parameterSets, record, telemetry } from '../../../test/support/gate-records.js';
import { decide, evolve, pendingProofs, type Judgement } from './decide.js';
import { examine, type Finding } from './examine.js';
import { outcomeOf } from './outcome.js';
import { EMPTY_STATE, factsOf, rebuildFrom, remember, remembering, type PartitionState } from './state.js';

/**
 * Properties over random streams of one partition. Streams are dense in what could go wrong: few nullifiers, each of one epoch or claiming another,
 * bad proofs, broker clocks that step back, windows that are passed within a stream, versions of the parameter set that change them.
 */
const [row] = parameterSet().statements;
const VERSIONS = [
  { from: 0, set: parameterSet({ version: 1, statements: [{ ...row!, acceptSeconds: 120, actSeconds: 60 }] }) },
  { from: 40, set: parameterSet({ version: 2, statements: [{ ...row!, acceptSeconds: 600, actSeconds: 60 }] }) },
  { from: 80, set: parameterSet({ version: 3, statements: [{ ...row!, acceptSeconds: 30, actSeconds: 0, epochSeconds: 15 }] }) },
  { from: 120, set: parameterSet({ version: 4, statements: [{ ...row!, acceptSeconds: 300, actSeconds: 60, epochSeconds: 15 }] }) },
];
const sets = parameterSets(VERSIONS);

/** Park-Miller: the same streams in every run. */
function random(seed: number): (below: number) => number {
  let x = seed;
  return (below) => (x = (x * 48_271) % 2_147_483_647) % below;
}

const streams = new Map<number, Finding[]>();

function streamOf(seed: number, length = 160): Finding[] {
  if (!streams.has(seed)) streams.set(seed, makeStream(seed, length));
  return streams.get(seed)!;
}

function makeStream(seed: number, length: number): Finding[] {
  const roll = random(seed);
  let time = NOW;
  return Array.from({ length }, (_, offset) => {
    time += roll(10) === 0 ? -roll(20_000) : roll(12_000);
    const block = { ...BLOCK, number: offset };
    const epochSeconds = offset < 80 ? EPOCH_SECONDS : 15;
    const epoch = Math.floor(time / 1000 / epochSeconds) - 4 + roll(7);
    // nullifiers repeat within an epoch; now and then one is claimed for another epoch
    const nullifier = fieldToBytes(BigInt(epoch + (roll(12) === 0 ? 1 : 0)) * 10n + BigInt(roll(2)));
    const event = telemetry({ epoch, nullifier, root: fieldToBytes(BigInt(roll(20) === 0 ? 2 : 1)), proof: Buffer.alloc(256, roll(3) === 0 ? 0 : 1) });
    return examine(record(event, { offset: BigInt(offset), timestamp: time }), { block, parameters: sets.at(block) }, context);
  });
}

const proofHolds = (proof: Buffer) => proof[0] === 1;

/** As the gate does it: proofs of a whole batch first, then verdicts in offset order. A proof that was not asked for must not be needed. */
function judgeBatch(state: PartitionState, batch: readonly Finding[]): { judgements: Judgement[]; state: PartitionState } {
  const results = new Map(pendingProofs(state, batch).map((candidate) => [candidate, proofHolds(candidate.job.proof)]));
  const judgements: Judgement[] = [];
  for (const finding of batch) {
    const judgement = decide(state, finding, (candidate) => {
      const result = results.get(candidate);
      if (result === undefined) throw new Error(`the proof at offset ${candidate.source.offset} was not asked for`);
      return result;
    });
    judgements.push(judgement);
    state = evolve(state, judgement);
  }
  return { judgements, state };
}

function judgeInBatches(findings: readonly Finding[], sizes: (max: number) => number): { judgements: Judgement[]; state: PartitionState } {
  let state = EMPTY_STATE;
  const judgements: Judgement[] = [];
  for (let at = 0; at < findings.length;) {
    const size = 1 + sizes(40);
    const batch = judgeBatch(state, findings.slice(at, at + size));
    judgements.push(...batch.judgements);
    state = batch.state;
    at += size;
  }
  return { judgements, state };
}

const SEEDS = Array.from({ length: 60 }, (_, i) => i + 1);
/** What becomes of each record, without the record. */
const briefly = (judgements: readonly Judgement[]) => judgements.map((judgement) => {
  const { verdict } = judgement;
  if (judgement.verdict !== 'VERIFIED') return { verdict, duplicateOf: 'duplicateOf' in judgement ? judgement.duplicateOf : null };
  const { partitionClock, epochFloor, late } = judgement;
  return { verdict, partitionClock, epochFloor, late };
});
const plain = ({ clock, floor, seen }: PartitionState) =>
  ({ clock, floor, seen: [...seen.entries()].map(([nullifier, { epoch, offset, hash }]) => [nullifier.toString('hex'), epoch, offset, hash.toString('hex')].join(' ')) });
const verifiedEvents = (judgements: readonly Judgement[]) => judgements.flatMap((judgement) => outcomeOf(judgement).verified?.event ?? []);

describe('over random streams', () => {
  it('verdicts do not depend on where batches begin and end', () => {
    for (const seed of SEEDS) {
      const findings = streamOf(seed);
      const singly = judgeInBatches(findings, () => 0);
      const whole = judgeBatch(EMPTY_STATE, findings);
      expect(briefly(whole.judgements)).toEqual(briefly(singly.judgements));
      expect(plain(whole.state)).toEqual(plain(singly.state));
      for (const splits of [seed + 1000, seed + 2000]) {
        expect(briefly(judgeInBatches(findings, random(splits)).judgements)).toEqual(briefly(singly.judgements));
      }
    }
  });

  it('a state rebuilt from the verified events is the state that evolved, also across parameter versions', () => {
    for (const seed of SEEDS) {
      const findings = streamOf(seed);
      for (const length of [1, 30, 79, 81, 119, 121, 160]) {
        const { judgements, state } = judgeBatch(EMPTY_STATE, findings.slice(0, length));
        const rebuilt = verifiedEvents(judgements).map(factsOf).reduce(remember, EMPTY_STATE);
        expect(plain(rebuilt)).toEqual(plain(state));
        const inOneGo = remembering();
        for (const event of verifiedEvents(judgements)) inOneGo.add(factsOf(event));
        expect(plain(inOneGo.done())).toEqual(plain(state));
      }
    }
  });

  it('the same state comes from the events since rebuildFrom() alone', () => {
    for (const seed of SEEDS) {
      const { judgements, state } = judgeBatch(EMPTY_STATE, streamOf(seed));
      const events = verifiedEvents(judgements);
      // without the allowance for broker clocks: the bound itself has to hold
      const since = rebuildFrom(events.at(-1)!) + 3_600_000;
      const suffix = events.filter(({ partitionClock }) => partitionClock >= since);
      expect(plain(suffix.map(factsOf).reduce(remember, EMPTY_STATE))).toEqual(plain(state));
      expect(suffix.length).toBeLessThan(events.length);
    }
  });

  it('a nullifier is verified at most once for its epoch, and windows never move back', () => {
    for (const seed of SEEDS) {
      const events = verifiedEvents(judgeBatch(EMPTY_STATE, streamOf(seed)).judgements);
      const names = events.map(({ nullifier, epoch }) => `${nullifier.toString('hex')} ${epoch}`);
      expect(new Set(names).size).toBe(names.length);
      events.slice(1).forEach((event, i) => {
        expect(event.epochFloor).toBeGreaterThanOrEqual(events[i]!.epochFloor);
        expect(event.partitionClock).toBeGreaterThanOrEqual(events[i]!.partitionClock);
        expect(event.epoch).toBeGreaterThanOrEqual(events[i]!.epochFloor);
      });
    }
  });

  it('every reason of this stage occurs, so that the properties above say something', () => {
    const seen = new Set(SEEDS.flatMap((seed) => judgeBatch(EMPTY_STATE, streamOf(seed)).judgements.map(({ verdict }) => verdict)));
    expect([...seen].sort()).toEqual(['EPOCH_FUTURE', 'EPOCH_STALE', 'NULLIFIER_SEEN', 'PROOF_INVALID', 'ROOT_REVOKED', 'VERIFIED']);
  });
});
