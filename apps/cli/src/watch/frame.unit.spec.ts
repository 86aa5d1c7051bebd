import { frame, summary, type Snapshot } from './frame.js';

const snapshot: Snapshot = {
  seconds: 3_725.9,
  totals: {
    produced: new Map([['telemetry', 12]]),
    verified: new Map([['telemetry', 9]]),
    rejected: new Map([['telemetry', new Map([['PROOF_INVALID', 2], ['EPOCH_STALE', 1]])]]),
  },
  chainBlocks: 77,
  states: { OK: 3, WARNING: 0, CRITICAL: 1, UNKNOWN: 2, PENDING: 0 },
  latency: { p50: 9_840, p99: 14_120 },
  log: { size: 90, published: 89, anchored: 77, timeToAnchor: { p50: 5_800, p99: 13_300 } },
  parts: [
    { name: 'kafka', state: 'up', pid: 41, logFile: undefined, restarts: 0, startupSeconds: 3 },
    { name: 'proof-gate', state: 'down', pid: undefined, logFile: undefined, restarts: 2, startupSeconds: 3 },
    { name: 'icinga-sink', state: 'up', pid: 42, logFile: undefined, restarts: 0, startupSeconds: 3 },
  ],
  waiting: new Map([['icinga-sink', 'Icinga2']]),
  messages: ['12:00:00  proof-gate ended'],
};

it('the table shows events, refusals by reason, states, latency, restarts and what is waited for', () => {
  expect(frame(snapshot, 200).join('\n')).toMatchInlineSnapshot(`
"Attestream   01:02:05   77 blocks of the chain indexed

  events          in the log verified  refused
  telemetry            12        9        3   EPOCH_STALE 1  PROOF_INVALID 2
  bci-intent            0        0        0

  Icinga2        OK 3   WARNING 0   CRITICAL 1   UNKNOWN 2
  to Icinga2     p50 9.8 s   p99 14.1 s   from the broker's timestamp
  log            90 entries   89 published   77 anchored and final
  to the anchor  p50 5.8 s   p99 13.3 s   from the broker's timestamp

    part                       pid  restarts
  + kafka                       41         0
  - proof-gate                down         2
  ~ icinga-sink                 42         0   waits for Icinga2

  12:00:00  proof-gate ended"
`);
});

it('no line is longer than the terminal', () => {
  expect(Math.max(...frame(snapshot, 30).map((line) => line.length))).toBeLessThanOrEqual(30);
});

it('one line says the same where there is no terminal', () => {
  expect(summary(snapshot)).toBe('01:02:05 | in 12 | verified 9 | refused 3 (PROOF_INVALID 2, EPOCH_STALE 1) | Icinga2 OK 3, CRITICAL 1, UNKNOWN 2 | to Icinga2 p50 9.8 s | log 90, anchored 77 in p50 5.8 s | parts 2 of 3 up, 2 restarts');
});

it('a missing Icinga2 is said, not shown as zero', () => {
  const text = frame({ ...snapshot, states: undefined, latency: undefined }, 200).join('\n');
  expect(text).toContain('Icinga2        does not answer');
  expect(text).toContain('nothing yet');
});
