import type { EventOf } from '#libs/events';
import { checkResultOf } from './check-result.js';

const NOW = 1_800_000_030_000;
const verified = (changes: Partial<EventOf<'telemetry.verified'>> = {}): EventOf<'telemetry.verified'> => ({
  source: { topic: 'telemetry', partition: 1, offset: 7, timestamp: NOW - 2_000, hash: Buffer.alloc(32) },
  pseudonym: Buffer.alloc(32, 0xab), stream: 'open-files', epoch: 60_000_000, policyFamily: 'home', state: 'OK',
  nullifier: Buffer.alloc(32), commitment: Buffer.alloc(32), circuit: 'telemetry16', parameterVersion: 3,
  registryBlock: { number: 42, hash: Buffer.alloc(32) }, windowEnd: NOW - 10_000, partitionClock: NOW, epochFloor: 0, late: false, ...changes,
});
const of = (changes: Partial<EventOf<'telemetry.verified'>> = {}, now = NOW) => checkResultOf(verified(changes), { freshnessSeconds: 90, now });

it('the host is the pseudonym, the service the stream', () => {
  expect(of()).toMatchObject({ host: 'ab'.repeat(32), service: 'open-files', epoch: 60_000_000, producedAt: NOW - 2_000 });
});

it.each([['OK', 0], ['WARNING', 1], ['CRITICAL', 2]] as const)('%s is exit status %i, in the output and in the performance data', (state, exit) => {
  const { result } = of({ state })!;
  expect(result.state).toBe(exit);
  expect(result.output).toBe(`${state}: proven for epoch 60000000, policy home of set 3, registry block 42`);
  expect(result.performanceData).toEqual([`state=${exit};1;2;0;2`, 'epoch=60000000', 'block=42', 'age=10.000s;;;0']);
});

it('a late event is nothing to Icinga2', () => {
  expect(of({ late: true })).toBeNull();
});

it('a state stands from the broker time of its source, however late it is submitted', () => {
  expect(of()!.result.freshUntil).toBe(NOW - 2_000 + 90_000);
  expect(of({}, NOW + 80_000)!.result.freshUntil).toBe(NOW - 2_000 + 90_000);
});

it('neither a broker nor a device whose clock runs ahead makes a state stand longer', () => {
  const { source } = verified();
  expect(of({ source: { ...source, timestamp: NOW + 3_600_000 } })!.result.freshUntil).toBe(NOW + 90_000);
  expect(of({ windowEnd: NOW + 60_000 })!.result).toMatchObject({ freshUntil: NOW + 88_000, performanceData: expect.arrayContaining(['age=0.000s;;;0']) });
});

it.each(['', 'Household', 'a!b', 'a/b', 'a\nb', '-x', 'a b', '../x', 'ä', 'x'.repeat(32)])('a stream %j can be no service, late or not', (stream) => {
  for (const late of [true, false]) expect(() => of({ stream, late })).toThrow('ATS_EVENT_MALFORMED');
});

it.each(['x', '0', 'a.b_c-d', 'x'.repeat(31)])('a stream %j can', (stream) => {
  expect(of({ stream })!.service).toBe(stream);
});

it('a policy family can not add a line to the output', () => {
  expect(() => of({ policyFamily: 'home\nCRITICAL' })).toThrow('ATS_EVENT_MALFORMED');
});
