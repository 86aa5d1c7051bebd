import { partitionOf } from './state-log.js';

it.each([
  // What Kafka 4.4.0's own Utils.abs(id.hashCode()) % n says of 4 and 50 partitions.
  ['proof-gate-chain-events-0', 1, 25],
  ['proof-gate-telemetry-0', 1, 31],
  ['proof-gate-telemetry-2', 3, 29],
  // Its hash is the smallest number, which has no absolute value.
  ['polygenelubricants', 0, 0],
  ['', 0, 0],
])('%s is coordinated where Kafka coordinates it', (id, of4, of50) => {
  expect([partitionOf(id, 4), partitionOf(id, 50)]).toEqual([of4, of50]);
});
