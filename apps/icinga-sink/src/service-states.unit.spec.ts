import type { CheckResult } from '#libs/icinga';
import type { ServiceCheckResult } from './check-result.js';
import { ServiceStates } from './service-states.js';

const never = new AbortController().signal;
const result = (epoch: number, service = 'load', output = `epoch ${epoch}`): ServiceCheckResult =>
  ({ host: 'h', service, epoch, producedAt: 0, result: { state: 0, output, performanceData: [], freshUntil: 0 } });

/** Records what it is given; each submission ends when the test says so. */
class Recorder {
  readonly begun: string[] = [];
  readonly ends: PromiseWithResolvers<'accepted' | 'expired'>[] = [];

  async submit(_host: string, service: string, { output }: CheckResult): Promise<'accepted' | 'expired'> {
    this.begun.push(`${service} ${output}`);
    const end = Promise.withResolvers<'accepted' | 'expired'>();
    this.ends.push(end);
    return await end.promise;
  }
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

const immediate = (outcome: 'accepted' | 'expired' = 'accepted') => {
  const submitted: string[] = [];
  return { submitted, submit: async (_host: string, service: string, { output }: CheckResult) => { submitted.push(`${service} ${output}`); return outcome; } };
};

it('results of one service are submitted one by one in order, services side by side', async () => {
  const recorder = new Recorder();
  const states = new ServiceStates(recorder);
  const offers = [result(1), result(2), result(1, 'files')].map((one) => states.offer(one, never));
  await settle();
  expect(recorder.begun).toEqual(['load epoch 1', 'files epoch 1']);
  recorder.ends[0]!.resolve('accepted');
  await settle();
  expect(recorder.begun).toEqual(['load epoch 1', 'files epoch 1', 'load epoch 2']);
  for (const end of recorder.ends) end.resolve('accepted');
  expect(await Promise.all(offers)).toEqual(['accepted', 'accepted', 'accepted']);
});

it('an older window than the newest, and the same once more, are not submitted', async () => {
  const icinga = immediate();
  const states = new ServiceStates(icinga);
  expect(await Promise.all([result(5), result(4), result(5), result(6)].map((one) => states.offer(one, never)))).toEqual(['accepted', 'superseded', 'superseded', 'accepted']);
  expect(icinga.submitted).toEqual(['load epoch 5', 'load epoch 6']);
});

it('a failed submission is not remembered, reaches its caller, and holds nobody up', async () => {
  const recorder = new Recorder();
  const states = new ServiceStates(recorder);
  const first = states.offer(result(1), never);
  const second = states.offer(result(1), never);
  await settle();
  recorder.ends[0]!.reject(new Error('away'));
  await expect(first).rejects.toThrow('away');
  await settle();
  recorder.ends[1]!.resolve('accepted');
  expect(await second).toBe('accepted');
});

it('resubmits the newest state of every service, what was recalled included, and counts those that were still fresh', async () => {
  const icinga = immediate();
  const states = new ServiceStates(icinga);
  await states.offer(result(1), never);
  await states.offer(result(2), never);
  states.recall(result(9, 'files'));
  states.recall(result(8, 'files'));
  icinga.submitted.length = 0;
  expect(await states.resubmit(never)).toBe(2);
  expect(icinga.submitted.toSorted()).toEqual(['files epoch 9', 'load epoch 2']);
  const expired = new ServiceStates(immediate('expired'));
  expired.recall(result(1));
  expect(await expired.resubmit(never)).toBe(0);
});

it('a resubmission waits for the submission under way and repeats what that one brought', async () => {
  const recorder = new Recorder();
  const states = new ServiceStates(recorder);
  states.recall(result(1));
  const offer = states.offer(result(2), never);
  const again = states.resubmit(never);
  await settle();
  expect(recorder.begun).toEqual(['load epoch 2']);
  recorder.ends[0]!.resolve('accepted');
  await offer;
  await settle();
  expect(recorder.begun).toEqual(['load epoch 2', 'load epoch 2']);
  recorder.ends[1]!.resolve('accepted');
  expect(await again).toBe(1);
});

it('what a lost partition brought is not remembered: its next owner knows better', async () => {
  const recorder = new Recorder();
  const states = new ServiceStates(recorder);
  const lost = new AbortController();
  const offer = states.offer(result(1), lost.signal);
  await settle();
  lost.abort();
  states.clear();
  recorder.ends[0]!.resolve('accepted');
  await offer;
  expect(await states.resubmit(never)).toBe(0);
});
