import type { ServiceView } from '#libs/icinga';
import { heardSince } from './heard.js';

const EPOCH_SECONDS = 30;
/** The window of epoch 100 ends then. */
const END = 101 * EPOCH_SECONDS * 1_000;

const service = (changes: Partial<ServiceView> = {}): ServiceView => ({
  host: 'ab', service: 'open-files', state: 'CRITICAL', output: '', performanceData: ['state=2;1;2;0;2', 'epoch=100', 'block=7'], executionStart: END + 999_999, active: false, ...changes,
});
const heard = (view: ServiceView, since: number) => heardSince([view], since, EPOCH_SECONDS).length === 1;

it('a state counts from the end of the window that it is proven for', () => {
  expect(heard(service(), END)).toBe(true);
});

it('a state that Icinga2 has kept, or got again lately, is as old as its window', () => {
  expect(heard(service(), END + 1)).toBe(false);
});

it.each<[string, Partial<ServiceView>]>([
  ['silence', { active: true, state: 'UNKNOWN' }],
  ['a service without any result', { state: 'PENDING', performanceData: [] }],
  ['a result that says no epoch', { performanceData: ['state=2'] }],
])('%s is nothing heard', (_, changes) => {
  expect(heard(service(changes), 0)).toBe(false);
});
