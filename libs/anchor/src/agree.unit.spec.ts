import { agreeOnFinal, agreeOnSighting, contradicts, median, reachedByQuorum, type StateView } from './agree.js';
import type { FinalView, Sighting } from './decide.js';

const root = Buffer.alloc(32, 1);
const final = (over: Partial<FinalView> = {}): FinalView => ({ block: { number: 9, hash: '0x9' }, head: { size: 5, root }, nonce: 2, ...over });
const mined = (hash = '0xa', ok = true): Sighting => ({ seen: 'mined', block: { number: 8, hash }, ok, head: { size: 5, root } });
const absent: Sighting = { seen: 'absent' };
const unknown: Sighting = { seen: 'unknown' };
const view = (sighting: Sighting, at: FinalView | undefined = final()): StateView => ({ final: at, sightings: new Map([['0xt', sighting]]) });

it.each([
  ['the highest that enough reach', [7, 9, 8], 2, 8],
  ['not what one claims alone', [1_000_000, 3, 3], 2, 3],
  ['nothing when too few know one', [7, undefined, undefined], 2, undefined],
])('a height reached by a quorum is %s', (_, values, quorum, reached) => {
  expect(reachedByQuorum(values, quorum)).toBe(reached);
});

it('the middle of the market is not moved by one that lies, up or down', () => {
  expect([median([5n, 10n ** 18n, 6n]), median([5n, 0n, 6n]), median([5n, 10n ** 18n]), median([4])]).toEqual([6n, 5n, 5n, 4]);
});

it.each([
  ['another block', { block: { number: 9, hash: '0xf' } }],
  ['another root', { head: { size: 5, root: Buffer.alloc(32, 2) } }],
  ['another size', { head: { size: 6, root } }],
  ['another nonce', { nonce: 3 }],
])('a finalized state that one gives %s is that of the two others, and it is named', (_, lie) => {
  const views = [view(absent, final(lie)), view(absent), view(absent)];
  expect(agreeOnFinal(views, 2)).toEqual(final());
  expect(views.map((one) => contradicts(one, final(), new Map([['0xt', absent]])))).toEqual([true, false, false]);
  expect(agreeOnFinal([views[0]!, views[1]!], 2)).toBeUndefined();
});

it.each([
  ['a receipt that one endpoint has alone', [mined(), absent, absent], absent],
  ['a denial of one endpoint', [mined(), absent, mined()], mined()],
  ['another block of one endpoint', [mined('0xb'), mined(), mined()], mined()],
  ['a failure that one endpoint reports', [mined('0xa', false), mined(), mined()], mined()],
  ['one lagging and one lying endpoint', [mined('0xb'), unknown, mined()], unknown],
  ['two that stand too far behind', [unknown, unknown, absent], unknown],
])('%s does not decide where a transaction is', (_, sightings, agreed) => {
  expect(agreeOnSighting(sightings.map((sighting) => view(sighting)), '0xt', 2)).toEqual(agreed);
});

it('a receipt in a final block that the others do not know is a contradiction; one above it may be news', () => {
  expect(contradicts(view(mined()), final(), new Map([['0xt', absent]]))).toBe(true);
  expect(contradicts(view(mined()), final({ block: { number: 7, hash: '0x7' } }), new Map([['0xt', absent]]))).toBe(true); // its finalized block differs
  expect(contradicts({ final: undefined, sightings: new Map([['0xt', mined()]]) }, final({ block: { number: 7, hash: '0x7' } }), new Map([['0xt', absent]]))).toBe(false);
  expect(contradicts({ final: undefined, sightings: new Map([['0xt', unknown]]) }, final(), new Map([['0xt', absent]]))).toBe(false);
});
