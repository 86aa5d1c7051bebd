import { latencyOf, sampleOf } from './app-metrics.js';

const METRICS = `# HELP attestream_log_size Entries.
attestream_log_size{app="chain-anchor"} 168
attestream_log_size_of_something_else{app="chain-anchor"} 7
wait_seconds_bucket{le="1",app="x"} 0
wait_seconds_bucket{le="2",app="x"} 5
wait_seconds_bucket{le="4",app="x"} 10
wait_seconds_bucket{le="+Inf",app="x"} 10
idle_seconds_bucket{le="1",app="x"} 0
idle_seconds_bucket{le="+Inf",app="x"} 0
`;

it('a sample is found by its whole name', () => {
  expect(sampleOf(METRICS, 'attestream_log_size')).toBe(168);
  expect(sampleOf(METRICS, 'attestream_log')).toBeUndefined();
});

it('quantiles are linear within their bucket, and not there while nothing has been observed', () => {
  expect(latencyOf(METRICS, 'wait_seconds')).toEqual({ p50: 2_000, p99: 3_960 });
  expect(latencyOf(METRICS, 'idle_seconds')).toBeUndefined();
  expect(latencyOf(METRICS, 'absent_seconds')).toBeUndefined();
});
