import { lines, until } from '../test/broker.js';
import { BrokerWatch } from './broker-watch.js';

const [ONE, TWO, THREE] = ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3'] as const;
const refused = (broker: string) => `connect ECONNREFUSED ${broker}`;

function watching(...brokers: string[]) {
  const log = lines();
  const problems: (string | null)[] = [];
  const watch = new BrokerWatch(brokers, log, (problem) => void problems.push(problem && problem.code), 5);
  return { log: log.all, problems, watch, fail: (...which: string[]) => which.forEach((broker) => watch.failed(broker, refused(broker))) };
}

it('one of several that does not answer is named, is no outage, and is told of once', async () => {
  const { log, problems, watch, fail } = watching(ONE, TWO, THREE);
  // Asked nothing meanwhile, the others have not failed.
  fail(TWO, TWO);
  await until('it is told', () => log.length > 0);
  fail(TWO);
  expect(log).toEqual([`Kafka broker ${TWO} does not answer, others may: ${refused(TWO)}`]);
  watch.answered(ONE);
  expect([watch.problem, log.length]).toEqual([null, 1]);
  watch.answered(TWO);
  expect(log[1]).toMatch(/^Kafka broker 127\.0\.0\.1:2 answers again after \d+\.\d s$/);
  expect(problems).toEqual([]);
});

it('that the last has failed too is an outage, until any answers', async () => {
  const { log, problems, watch, fail } = watching(ONE, TWO, THREE);
  fail(ONE, TWO);
  await until('both are told', () => log.length === 2);
  fail(THREE);
  await until('the outage is told', () => problems.length > 0);
  fail(ONE, TWO, THREE);
  expect(watch.problem?.message).toContain(`${ONE}, ${TWO}, ${THREE}: ${refused(THREE)}`);
  watch.answered(TWO);
  expect(watch.problem).toBe(null);
  expect(problems).toEqual(['ATS_BROKER_UNREACHABLE', null]);
  expect(log.map((line) => line.replace(/[:\d].*/, ''))).toEqual(['Kafka broker ', 'Kafka broker ', 'ATS_BROKER_UNREACHABLE', 'Kafka answers again after ']);
});

it('a broker that was learned from another speaks against an outage as well', async () => {
  const { log, problems, watch, fail } = watching(ONE);
  watch.answered(ONE);
  watch.answered(TWO);
  fail(ONE);
  await until('it is told', () => log.length > 0);
  expect(problems).toEqual([]);
  fail(TWO);
  await until('the outage is told', () => problems.length > 0);
});

it('one that answers in time is not told of', async () => {
  const { log, watch, fail } = watching(ONE, TWO);
  fail(ONE);
  watch.answered(ONE);
  fail(TWO);
  await until('the other is told', () => log.length > 0);
  expect(log).toEqual([expect.stringContaining(TWO)]);
});
