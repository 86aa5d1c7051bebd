import { decide, type Decision, type Observation, type Sighting } from './decide.js';
import { GWEI } from './fees.js';
import type { AnchorPolicy } from './policy.js';
import { EMPTY_STATE, type AnchorState, type Attempt, type BlockId, type Job } from './state.js';

const policy: AnchorPolicy = { minEntries: 10, maxAgeSeconds: 60, maxFeeGwei: 50, maxCostWei: 10n ** 18n };
const head = (size: number, fill = size) => ({ size, root: Buffer.alloc(32, fill) });
const block = (number: number, branch = 'a'): BlockId => ({ number, hash: `0x${branch}${number}` });
const attempt = (name: string, over: Partial<Attempt> = {}): Attempt =>
  ({ hash: `0x${name}`, raw: `0xraw-${name}`, fees: { maxFeePerGas: 8n * GWEI, maxPriorityFeePerGas: 2n * GWEI }, atBlock: 100, ...over });
const mined = (at: BlockId, ok = true, size = 20): Sighting => ({ seen: 'mined', block: at, ok, head: head(size) });
const absent: Sighting = { seen: 'absent' };
const unknown: Sighting = { seen: 'unknown' };

/** The chain at 100, final at 92, nothing anchored, one transaction of the account final. */
const seen = (over: Partial<Observation> = {}): Observation => ({
  nowMs: 1_000_000, log: head(20), latest: 100, market: { baseFee: 3n * GWEI, tip: GWEI },
  final: { block: block(92), head: head(0, 0), nonce: 1 }, sightings: new Map(), missing: false, ...over,
});
const final = (number: number, size: number, nonce = 1, fill = size) => ({ block: block(number), head: head(size, fill), nonce });
const given = (job: Job | null, over: Partial<AnchorState> = {}): AnchorState => ({ ...EMPTY_STATE, job, ...over });
const sent = (attempts = [attempt('one')], step: 'SIGNED' | 'SENT' = 'SENT'): Job => ({ step, target: head(20), nonce: 1, attempts });
const inBlock = (at: BlockId, ok = true): Job => ({ step: 'MINED', target: head(20), nonce: 1, attempts: [attempt('one')], mined: { hash: '0xone', block: at, ok } });
const said = ({ events }: Decision): string[] => events.map(({ type }) => type);
const stepOf = ({ state }: Decision): string | undefined => state.job?.step;

describe('given nothing under way', () => {
  it('plans the newest head once enough entries wait', () => {
    const decision = decide(given(null), seen(), policy);
    expect(decision.state.job).toEqual({ step: 'PLANNED', target: head(20) });
    expect(said(decision)).toEqual(['planned']);
  });

  it('waits for more entries, and counts from when it saw the first', () => {
    const first = decide(given(null), seen({ log: head(5) }), policy);
    expect(first.state).toEqual({ ...EMPTY_STATE, waiting: { beyond: 0, sinceMs: 1_000_000 } });
    const early = decide(first.state, seen({ log: head(6), nowMs: 1_059_999 }), policy);
    expect(early.state).toBe(first.state);
    expect(stepOf(decide(first.state, seen({ log: head(6), nowMs: 1_060_000 }), policy))).toBe('PLANNED');
  });

  it.each([
    ['no finalized block is agreed on', { final: undefined }],
    ['the log has no head', { log: undefined }],
    ['the log is all anchored', { final: final(92, 20) }],
  ])('plans nothing while %s', (_, over) => {
    const decision = decide(given(null), seen(over), policy);
    expect([decision.state.job, decision.sign, decision.send, decision.problem]).toEqual([null, undefined, undefined, undefined]);
  });

  it('plans nothing that the ceiling leaves no room for', () => {
    const decision = decide(given(null), seen({ market: { baseFee: 50n * GWEI, tip: 1n } }), policy);
    expect([decision.state.job, decision.problem?.code]).toEqual([null, 'ATS_ANCHOR_FEE_CEILING']);
  });

  it.each([
    ['ATS_ANCHOR_AHEAD', 'the chain has more entries than the log', { final: final(92, 21) }],
    ['ATS_ANCHOR_FORKED', 'the chain has another root of the same size', { final: final(92, 20, 1, 7) }],
  ])('says %s when %s', (code, _, over) => {
    const decision = decide(given(null), seen(over), policy);
    expect([decision.state.job, decision.problem?.code]).toEqual([null, code]);
  });

  it('takes over what is final and not its own', () => {
    expect(decide(given(null), seen({ final: final(92, 15) }), policy).state.anchored).toEqual({ head: head(15), tx: null, block: block(92) });
  });

  it('does not go back to a finalized block before the last anchor, and says when a later one has lost it', () => {
    const state = given(null, { anchored: { head: head(15), tx: '0xt', block: block(90) } });
    const behind = decide(state, seen({ final: final(89, 5) }), policy);
    expect([behind.state.job, behind.state.anchored, behind.problem]).toEqual([null, state.anchored, undefined]);
    const lost = decide(state, seen({ final: final(92, 5) }), policy);
    expect([lost.state, lost.problem?.code]).toEqual([state, 'ATS_CHAIN_DIVERGED']);
  });
});

describe('given PLANNED', () => {
  const planned = given({ step: 'PLANNED', target: head(20) });

  it('has it signed with the final nonce, proven from the final head', () => {
    const { sign, state } = decide(planned, seen({ final: final(92, 7, 3) }), policy);
    expect(sign).toEqual({ kind: 'first', nonce: 3, head: head(7), atBlock: 100, fees: { maxFeePerGas: 7n * GWEI, maxPriorityFeePerGas: GWEI } });
    expect(state.job).toEqual(planned.job);
  });

  it('keeps the plan while the log grows, and the age of what came after it', () => {
    expect(decide(planned, seen({ log: head(40) }), policy).state).toEqual({ ...planned, waiting: { beyond: 20, sinceMs: 1_000_000 } });
  });

  it.each([
    ['the same head', final(92, 20), 'adopted'],
    ['a larger one', final(92, 25), 'overtaken'],
  ])('is done when %s is final already', (_, view, event) => {
    const decision = decide(planned, seen({ log: head(30), final: view }), policy);
    expect([decision.state.job, decision.sign, said(decision), decision.state.anchored?.head]).toEqual([null, undefined, [event], view.head]);
  });

  it('is kept when another root of its size is final', () => {
    const decision = decide(planned, seen({ final: final(92, 20, 1, 9) }), policy);
    expect([decision.state.job, decision.problem?.code]).toEqual([planned.job, 'ATS_ANCHOR_FORKED']);
  });
});

describe('given SIGNED or SENT', () => {
  it('sends what is signed, whatever else is known', () => {
    expect(decide(given(sent([attempt('one')], 'SIGNED')), seen({ sightings: new Map([['0xone', unknown]]) }), policy).send).toBe('0xraw-one');
  });

  it('sends again what an endpoint lacks, and nothing when all have it', () => {
    const sightings = new Map([['0xone', absent]]);
    expect(decide(given(sent()), seen({ sightings, missing: true }), policy).send).toBe('0xraw-one');
    expect(decide(given(sent()), seen({ sightings }), policy)).toMatchObject({ state: given(sent(), { waiting: null }), events: [] });
  });

  it('is MINED by the receipt of any of its attempts', () => {
    const decision = decide(given(sent([attempt('one'), attempt('two')])), seen({ sightings: new Map([['0xone', mined(block(101))], ['0xtwo', absent]]) }), policy);
    expect(decision.state.job).toMatchObject({ step: 'MINED', mined: { hash: '0xone', block: block(101), ok: true } });
    expect(said(decision)).toEqual(['mined']);
  });

  it('does not believe a success that left another head', () => {
    const decision = decide(given(sent()), seen({ sightings: new Map([['0xone', mined(block(101), true, 19)]]) }), policy);
    expect([stepOf(decision), decision.problem?.code]).toEqual(['SENT', 'ATS_CHAIN_WRONG']);
  });

  it('raises both fees after three blocks, for the same nonce', () => {
    const sightings = new Map([['0xone', absent]]);
    expect(decide(given(sent()), seen({ latest: 102, sightings }), policy).sign).toBeUndefined();
    expect(decide(given(sent()), seen({ latest: 103, sightings }), policy).sign).toMatchObject({
      kind: 'replacement', nonce: 1, previous: attempt('one'), fees: { maxFeePerGas: 9n * GWEI, maxPriorityFeePerGas: 2_250_000_000n },
    });
  });

  it('waits and says so when the ceiling leaves no room for a replacement, and still sends what it has', () => {
    const near = sent([attempt('one', { fees: { maxFeePerGas: 49n * GWEI, maxPriorityFeePerGas: GWEI } })]);
    const decision = decide(given(near), seen({ latest: 110, missing: true, sightings: new Map([['0xone', absent]]) }), policy);
    expect([decision.sign, decision.send, decision.problem?.code, decision.state.job]).toEqual([undefined, '0xraw-one', 'ATS_ANCHOR_FEE_CEILING', near]);
  });

  it.each([
    ['the nonce is spent, but not finally', seen({ final: final(92, 0, 1, 0), sightings: new Map([['0xone', absent]]) })],
    ['the nonce is finally spent, and a receipt may exist', seen({ final: final(92, 0, 2, 0), sightings: new Map([['0xone', unknown]]) })],
  ])('does not plan anew while %s', (_, observation) => {
    expect(stepOf(decide(given(sent()), observation, policy))).toBe('SENT');
  });

  it('does not plan anew while the receipt of one of its attempts may exist', () => {
    const observation = seen({ final: final(92, 0, 2, 0), sightings: new Map<string, Sighting>([['0xone', absent], ['0xtwo', unknown]]) });
    expect(stepOf(decide(given(sent([attempt('one'), attempt('two')])), observation, policy))).toBe('SENT');
  });

  it('plans the same checkpoint anew when its nonce is finally spent by another transaction', () => {
    const decision = decide(given(sent()), seen({ final: final(92, 0, 2, 0), sightings: new Map([['0xone', absent]]) }), policy);
    expect(decision.state.job).toEqual({ step: 'PLANNED', target: head(20) });
    expect(said(decision)).toEqual(['replanned']);
  });

  it('adopts its checkpoint when the transaction that spent its nonce has anchored it', () => {
    const decision = decide(given(sent()), seen({ final: final(92, 20, 2), sightings: new Map([['0xone', absent]]) }), policy);
    expect([decision.state.job, said(decision)]).toEqual([null, ['adopted']]);
  });
});

describe('given MINED', () => {
  it('is FINAL when its block is still there and final, and is then all that is remembered', () => {
    const decision = decide(given(inBlock(block(92))), seen({ final: final(92, 20), sightings: new Map([['0xone', mined(block(92))]]) }), policy);
    expect(decision.state).toEqual({ job: null, waiting: null, anchored: { head: head(20), tx: '0xone', block: block(92) } });
    expect(said(decision)).toEqual(['final']);
  });

  it.each([
    ['the block is not final', block(93), seen({ sightings: new Map([['0xone', mined(block(93))]]) })],
    ['nobody agrees where it is', block(92), seen({ sightings: new Map([['0xone', unknown]]) })],
    ['no finalized block is agreed on', block(92), seen({ final: undefined, sightings: new Map([['0xone', mined(block(92))]]) })],
  ])('stays as it is while %s', (_, at, observation) => {
    const state = given(inBlock(at));
    expect(decide(state, observation, policy)).toEqual({ state, events: [] });
  });

  it.each([
    ['its block is another one now', mined(block(99, 'b'))],
    ['it is in no block any more', absent],
  ])('is SENT again, and sent again, when %s', (_, sighting) => {
    const decision = decide(given(inBlock(block(99))), seen({ sightings: new Map([['0xone', sighting]]) }), policy);
    expect([decision.state.job, decision.send, said(decision)]).toEqual([sent(), '0xraw-one', ['reorganised']]);
  });

  it('is not FINAL while the log\'s final head does not have what the receipt says was anchored', () => {
    const decision = decide(given(inBlock(block(92))), seen({ final: final(92, 19), sightings: new Map([['0xone', mined(block(92))]]) }), policy);
    expect([stepOf(decision), decision.problem?.code]).toEqual(['MINED', 'ATS_CHAIN_WRONG']);
  });

  it('plans anew when it failed, and only once that is final', () => {
    const sightings = new Map([['0xone', mined(block(92), false, 0)]]);
    expect(stepOf(decide(given(inBlock(block(92), false)), seen({ final: final(91, 0, 1, 0), sightings }), policy))).toBe('MINED');
    expect(decide(given(inBlock(block(92), false)), seen({ final: final(92, 0, 2, 0), sightings }), policy).state.job).toEqual({ step: 'PLANNED', target: head(20) });
  });
});
