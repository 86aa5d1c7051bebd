import type { EventCodec } from '#libs/events';
import { Counts, type CountedTopic } from './counts.js';

/** Events as JSON: what a codec does is not the matter here. */
const codec = { decode: (_: string, value: Buffer) => JSON.parse(value.toString()) as never } as Pick<EventCodec, 'decode'>;
const record = (event: object) => ({ value: Buffer.from(JSON.stringify(event)) });
const START = 1_000_000;

function counts(...records: [CountedTopic, object][]): Counts {
  const counted = new Counts(codec, START);
  for (const [topic, event] of records) counted.add(topic, record(event));
  return counted;
}

it('records, verified events and refusals count by their source topic', () => {
  const source = { topic: 'telemetry', timestamp: START };
  const { produced, verified, rejected } = counts(
    ['telemetry', {}], ['telemetry', {}], ['telemetry', {}], ['bci-intent', {}], ['telemetry.verified', { source }],
    ['rejected', { source, reason: 'EPOCH_STALE' }], ['rejected', { source, reason: 'EPOCH_STALE' }], ['rejected', { source, reason: 'MALFORMED' }],
  ).totals();
  expect([...produced]).toEqual([['telemetry', 3], ['bci-intent', 1]]);
  expect([...verified]).toEqual([['telemetry', 1]]);
  expect([...rejected.get('telemetry')!]).toEqual([['EPOCH_STALE', 2], ['MALFORMED', 1]]);
});

it('what an earlier run left in the log is no news', () => {
  const verified = (timestamp: number): [CountedTopic, object] => ['telemetry.verified', { source: { topic: 'telemetry', timestamp } }];
  const kept = counts(verified(START - 60_000), verified(START - 1));
  expect(kept.totals().verified.get('telemetry')).toBe(2);
  expect(kept.verifiedSince('telemetry')).toBe(0);
  kept.add(...[verified(START)].map(([topic, event]) => [topic, record(event)] as const)[0]!);
  expect(kept.verifiedSince('telemetry')).toBe(1);
  expect(kept.verifiedSince('bci-intent')).toBe(0);
});
