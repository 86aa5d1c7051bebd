import { fieldToBytes, type EventOf } from '#libs/events';
import { basis, context, EPOCH, EPOCH_SECONDS, NOW, parameterSet, record, sha, telemetry } from '../../../test/support/gate-records.js';
import { decide, evolve, pendingProofs, type Judgement } from './decide.js';
import { examine, type Finding } from './examine.js';
import { EMPTY_STATE, remember, type PartitionState } from './state.js';

const EPOCH_MS = EPOCH_SECONDS * 1000;
const ACCEPT_MS = 86_400_000;
const ACT_MS = 90_000;

interface Given { event?: Partial<EventOf<'telemetry'>>; timestamp?: number; offset?: bigint; set?: ReturnType<typeof parameterSet> }
const find = ({ event = {}, timestamp = NOW, offset = 10n, set = parameterSet() }: Given = {}): Finding =>
  examine(record(telemetry(event), { timestamp, offset }), basis(set), context);
const judge = (state: PartitionState, given: Given = {}, proof = true): Judgement => decide(state, find(given), () => proof);
const verdictOf = (state: PartitionState, given: Given = {}, proof = true) => judge(state, given, proof).verdict;
/** The state of a partition whose clock stands at this time. */
const clockAt = (clock: number, epochFloor = 0) =>
  remember(EMPTY_STATE, { nullifier: fieldToBytes(1n), epoch: Number.MAX_SAFE_INTEGER, offset: 0, hash: sha('first'), partitionClock: clock, epochFloor });

describe('the epoch window', () => {
  // given a window that ends at END, when the clock stands at, then
  const END = (EPOCH + 1) * EPOCH_MS;
  it.each([
    ['exactly acceptSeconds after the end', END + ACCEPT_MS, 'VERIFIED'],
    ['one millisecond later', END + ACCEPT_MS + 1, 'EPOCH_STALE'],
    ['one epoch before the begin', EPOCH * EPOCH_MS - EPOCH_MS, 'VERIFIED'],
    ['one millisecond earlier', EPOCH * EPOCH_MS - EPOCH_MS - 1, 'EPOCH_FUTURE'],
  ])('a record that arrives %s', (_name, timestamp, verdict) => {
    expect(verdictOf(EMPTY_STATE, { timestamp })).toBe(verdict);
  });

  it('is measured by the partition\'s clock when that is ahead of the record\'s', () => {
    expect(verdictOf(clockAt(END + ACCEPT_MS))).toBe('VERIFIED');
    expect(verdictOf(clockAt(END + ACCEPT_MS + 1))).toBe('EPOCH_STALE');
    expect(verdictOf(clockAt(NOW), { timestamp: NOW - 10 * EPOCH_MS })).toBe('VERIFIED');
  });

  it.each([
    ['the smallest epoch of the wire', -(2 ** 52) + 1, 'EPOCH_STALE'], ['-1', -1, 'EPOCH_STALE'], ['0', 0, 'EPOCH_STALE'],
    ['the largest epoch of the wire', 2 ** 52 - 1, 'EPOCH_FUTURE'],
  ])('%s is outside of it', (_name, epoch, verdict) => {
    expect(verdictOf(EMPTY_STATE, { event: { epoch } })).toBe(verdict);
    expect(pendingProofs(EMPTY_STATE, [find({ event: { epoch } })])).toEqual([]);
  });

  it('takes a negative epoch for stale even where the clock stands at 1970', () => {
    expect(verdictOf(EMPTY_STATE, { event: { epoch: -1 }, timestamp: 0 })).toBe('EPOCH_STALE');
  });

  it.each([[0, false], [1, true]])('a record %i ms past actSeconds: late is %s', (past, late) => {
    expect(judge(EMPTY_STATE, { timestamp: END + ACT_MS + past })).toMatchObject({ verdict: 'VERIFIED', late });
  });
});

describe('the checks after the epoch', () => {
  it('come in order: root, nullifier, proof', () => {
    const used = evolve(EMPTY_STATE, judge(EMPTY_STATE));
    expect(verdictOf(used, { event: { root: fieldToBytes(3n), epoch: 1 } }, false)).toBe('EPOCH_STALE');
    expect(verdictOf(used, { event: { root: fieldToBytes(3n) } }, false)).toBe('ROOT_UNKNOWN');
    expect(verdictOf(used, { event: { root: fieldToBytes(2n) } }, false)).toBe('ROOT_REVOKED');
    expect(verdictOf(used, {}, false)).toBe('NULLIFIER_SEEN');
    expect(verdictOf(EMPTY_STATE, {}, false)).toBe('PROOF_INVALID');
    expect(verdictOf(EMPTY_STATE)).toBe('VERIFIED');
  });

  it('only a verified verdict uses the nullifier up', () => {
    for (const refused of [judge(EMPTY_STATE, {}, false), judge(EMPTY_STATE, { event: { root: fieldToBytes(3n) } }), judge(EMPTY_STATE, { event: { stream: 'heat' } })]) {
      expect(evolve(EMPTY_STATE, refused)).toBe(EMPTY_STATE);
    }
  });

  it('tell a byte-identical resend from a replay of the nullifier', () => {
    const used = evolve(EMPTY_STATE, judge(EMPTY_STATE, { offset: 10n }));
    expect(judge(used, { offset: 12n })).toMatchObject({ verdict: 'NULLIFIER_SEEN', duplicateOf: 10 });
    expect(judge(used, { offset: 12n, event: { state: 'CRITICAL' } })).toMatchObject({ verdict: 'NULLIFIER_SEEN', duplicateOf: null });
  });
});

describe('the partition\'s memory', () => {
  it('moves its clock to the highest verified broker time and never back', () => {
    const later = evolve(EMPTY_STATE, judge(EMPTY_STATE, { timestamp: NOW + 500 }));
    const earlier = judge(later, { timestamp: NOW, event: { nullifier: fieldToBytes(8n) } });
    expect(earlier).toMatchObject({ verdict: 'VERIFIED', partitionClock: NOW + 500 });
    expect(evolve(later, earlier).clock).toBe(NOW + 500);
  });

  it('forgets a nullifier only when its epoch can never be accepted again', () => {
    const used = evolve(EMPTY_STATE, judge(EMPTY_STATE));
    const lastMoment = NOW + ACCEPT_MS; // the window's end is NOW
    const still = evolve(used, judge(used, { timestamp: lastMoment, event: { epoch: EPOCH + 2880, nullifier: fieldToBytes(8n) } }));
    expect(verdictOf(still, { timestamp: lastMoment })).toBe('NULLIFIER_SEEN');
    const past = evolve(used, judge(used, { timestamp: lastMoment + 1, event: { epoch: EPOCH + 2880, nullifier: fieldToBytes(8n) } }));
    expect(past.seen.get(fieldToBytes(5n))).toBeUndefined();
    expect(verdictOf(past, { timestamp: lastMoment })).toBe('EPOCH_STALE');
  });

  it('keeps its floor when a later version accepts for longer, so that nothing forgotten comes back', () => {
    const [row] = parameterSet().statements;
    const short = parameterSet({ statements: [{ ...row!, acceptSeconds: 90, actSeconds: 90 }] });
    const first = evolve(EMPTY_STATE, judge(EMPTY_STATE, { set: short }));
    const moved = evolve(first, judge(first, { set: short, timestamp: NOW + 90_001, event: { epoch: EPOCH + 4, nullifier: fieldToBytes(8n) } }));
    expect(verdictOf(moved, { set: parameterSet({ version: 2 }), timestamp: NOW + 90_002 })).toBe('EPOCH_STALE');
    expect(verdictOf(first, { set: parameterSet({ version: 2 }), timestamp: NOW + 90_002 })).toBe('NULLIFIER_SEEN');
  });

  it('makes every epoch stale after a version with longer epochs: old numbers can not come round again', () => {
    const [row] = parameterSet().statements;
    const longer = parameterSet({ version: 2, statements: [{ ...row!, epochSeconds: 31 }] });
    const used = evolve(EMPTY_STATE, judge(EMPTY_STATE));
    expect(verdictOf(used, { set: longer, timestamp: NOW + 1000, event: { epoch: Math.floor(NOW / 31_000), nullifier: fieldToBytes(8n) } })).toBe('EPOCH_STALE');
    // ... when EPOCH begins anew by the longer measure, two years on
    const again = EPOCH * 31_000;
    expect(verdictOf(EMPTY_STATE, { set: longer, timestamp: again })).toBe('VERIFIED');
    expect(verdictOf(used, { set: longer, timestamp: again })).toBe('NULLIFIER_SEEN');
  });
});

describe('the proofs of a batch', () => {
  it('are asked for unless an earlier check is sure to refuse', () => {
    const used = evolve(EMPTY_STATE, judge(EMPTY_STATE));
    const asked = (state: PartitionState, ...given: Given[]) => pendingProofs(state, given.map(find)).length;
    expect(asked(EMPTY_STATE, {}, {})).toBe(2);
    expect(asked(used, {})).toBe(0);
    expect(asked(EMPTY_STATE, { event: { root: fieldToBytes(2n) } }, { event: { epoch: 1 } }, { event: { stream: 'heat' } })).toBe(0);
  });

  it('include a record whose epoch is in the future unless a record before it moves the clock', () => {
    const ahead = { event: { epoch: EPOCH + 10, nullifier: fieldToBytes(8n) }, timestamp: NOW };
    expect(pendingProofs(EMPTY_STATE, [find(ahead)])).toHaveLength(0);
    expect(pendingProofs(EMPTY_STATE, [find({ timestamp: NOW + 20 * EPOCH_MS, event: { epoch: EPOCH + 20 } }), find(ahead)])).toHaveLength(2);
  });
});
