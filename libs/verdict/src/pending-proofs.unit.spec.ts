import { fieldToBytes } from '#libs/events';
import { BLOCK, context, EPOCH_SECONDS, NOW, parameterSet, parameterSets, record, telemetry } from '../../../test/support/gate-records.js';
import { decide, evolve, pendingProofs, type Judgement } from './decide.js';
import { examine, type Finding } from './examine.js';
import { EMPTY_STATE, type PartitionState } from './state.js';

const [row] = parameterSet().statements;
const sets = parameterSets([{ from: 0, set: parameterSet({ statements: [{ ...row!, acceptSeconds: 120, actSeconds: 60 }] }) }]);
const SEEDS = Array.from({ length: 40 }, (_, i) => i + 1);
const RECORDS = 160;

/** Park-Miller: the same streams in every run. */
function random(seed: number): (below: number) => number {
  let x = seed;
  return (below) => (x = (x * 48_271) % 2_147_483_647) % below;
}

/** Broker clocks that step back, few nullifiers, epochs at both ends of the window, bad proofs. */
function streamOf(seed: number): Finding[] {
  const roll = random(seed);
  let time = NOW;
  return Array.from({ length: RECORDS }, (_, offset) => {
    time += roll(8) === 0 ? -roll(60_000) : roll(12_000);
    const epoch = Math.floor(time / 1000 / EPOCH_SECONDS) - 4 + roll(7);
    const event = telemetry({ epoch, nullifier: fieldToBytes(BigInt(epoch) * 10n + BigInt(roll(2))), proof: Buffer.alloc(256, roll(3) === 0 ? 0 : 1) });
    return examine(record(event, { offset: BigInt(offset), timestamp: time }), { block: { ...BLOCK, number: offset }, parameters: sets.at(BLOCK) }, context);
  });
}

/** Verdicts of batches whose proofs were asked for when those of up to `lag` batches before were not known yet. A proof that was not asked for must not be needed. */
function judge(findings: readonly Finding[], roll: (below: number) => number, lag: number): { judgements: Judgement[]; asked: number } {
  const states: PartitionState[] = [EMPTY_STATE];
  const judgements: Judgement[] = [];
  let [asked, highest] = [0, 0];
  for (let at = 0; at < findings.length;) {
    const batch = findings.slice(at, at + 1 + roll(40));
    const older = states.at(-1 - Math.min(roll(lag + 1), states.length - 1))!;
    const results = new Map(pendingProofs(older, batch, highest).map((candidate) => [candidate, candidate.job.proof[0] === 1]));
    let state = states.at(-1)!;
    for (const finding of batch) {
      const judgement = decide(state, finding, (candidate) => {
        const result = results.get(candidate);
        if (result === undefined) throw new Error(`the proof at offset ${candidate.source.offset} was not asked for`);
        return result;
      });
      judgements.push(judgement);
      state = evolve(state, judgement);
      highest = Math.max(highest, finding.source.timestamp);
    }
    asked += results.size;
    states.push(state);
    at += batch.length;
  }
  return { judgements, asked };
}

const verdicts = (judgements: readonly Judgement[]) => judgements.map(({ verdict }) => verdict);

it('verdicts do not depend on how old the state is by which proofs are asked for, as long as the highest timestamp since is known', () => {
  let asked = 0;
  for (const seed of SEEDS) {
    const findings = streamOf(seed);
    const singly = judge(findings, () => 0, 0);
    for (const lag of [1, 3]) {
      const ahead = judge(findings, random(seed + 3000), lag);
      expect(verdicts(ahead.judgements)).toEqual(verdicts(singly.judgements));
      asked += ahead.asked;
    }
    expect(new Set(verdicts(singly.judgements)).size).toBeGreaterThan(3);
  }
  // Sure refusals are still left out.
  expect(asked).toBeLessThan(0.9 * 2 * SEEDS.length * RECORDS);
});
