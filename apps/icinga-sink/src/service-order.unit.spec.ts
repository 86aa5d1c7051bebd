import type { CheckResult } from '#libs/icinga';
import type { ServiceCheckResult } from './check-result.js';
import { ServiceStates } from './service-states.js';

const never = new AbortController().signal;
const SERVICES = 40;
const EPOCHS = 12;

/** Small and repeatable. */
function random(seed: number): () => number {
  return () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed / 2 ** 32;
  };
}

/** Takes results of many services at once and answers in any order, as Icinga2 does over several connections. */
class AnyOrder {
  readonly taken = new Map<string, number[]>();
  most = 0;
  private readonly underWay = new Map<string, () => void>();

  constructor(private readonly next: () => number) {}

  async submit(_host: string, service: string, { output }: CheckResult): Promise<'accepted'> {
    if (this.underWay.has(service)) throw new Error(`two results of ${service} under way`);
    await new Promise<void>((resolve) => {
      this.underWay.set(service, resolve);
      this.most = Math.max(this.most, this.underWay.size);
    });
    this.taken.set(service, [...(this.taken.get(service) ?? []), Number(output)]);
    return 'accepted';
  }

  /** Answers one of those under way; false when there is none. */
  answer(): boolean {
    const services = [...this.underWay.keys()];
    const service = services[Math.floor(this.next() * services.length)];
    if (service === undefined) return false;
    const resolve = this.underWay.get(service)!;
    this.underWay.delete(service);
    resolve();
    return true;
  }
}

it.each([1, 2, 3])('whatever the order of the answers, each service gets its windows one by one and in order, and shows its newest: seed %i', async (seed) => {
  const next = random(seed);
  const icinga = new AnyOrder(next);
  const states = new ServiceStates(icinga);
  const results = Array.from({ length: SERVICES * EPOCHS }, (_, i): ServiceCheckResult => {
    const epoch = Math.floor(i / SERVICES);
    return { host: 'h', service: `s${i % SERVICES}`, epoch, producedAt: 0, result: { state: 0, output: String(epoch), performanceData: [], freshUntil: 0 } };
  });
  // Some windows come late, behind newer ones of their service.
  for (let i = 0; i < results.length / 10; i++) {
    const [a, b] = [Math.floor(next() * results.length), Math.floor(next() * results.length)];
    [results[a], results[b]] = [results[b]!, results[a]!];
  }
  let done = false;
  const outcomes = Promise.all(results.map((result) => states.offer(result, never))).finally(() => { done = true; });
  while (!done) {
    icinga.answer();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const counts = (await outcomes).filter((outcome) => outcome === 'accepted').length;
  const taken = [...icinga.taken.values()];
  expect(taken).toHaveLength(SERVICES);
  expect(taken.flat()).toHaveLength(counts);
  for (const epochs of taken) expect(epochs).toEqual([...new Set(epochs)].toSorted((a, b) => a - b));
  expect(taken.map((epochs) => epochs.at(-1))).toEqual(taken.map(() => EPOCHS - 1));
  expect(icinga.most).toBe(SERVICES);
});
