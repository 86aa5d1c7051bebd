import { EventCodec, TOPIC_NAMES, VERDICT_SYMBOLS, type TopicName } from '#libs/events';
import { decodeEntry, type AuditEntry } from './entry.js';

const codec = EventCodec.fromIds(Object.fromEntries(TOPIC_NAMES.map((topic) => [topic, 300])) as Record<TopicName, number>);

/** Reproducible numbers: a linear congruential generator. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return Math.floor((state / 0x8000_0000) * below);
  };
}

const next = numbers(7);
const bytes = () => Buffer.from(Array.from({ length: 32 }, () => next(256)));
const entry = (): AuditEntry => ({
  topic: ['telemetry', 'bci-intent', 'chain-events', 'emails', 'ü', ''][next(6)]!,
  partition: next(3) - 1,
  offset: [0, 1, 63, 64, next(1e9), 2 ** 51, -5][next(7)]!,
  timestamp: [1_800_000_000_000 + next(1e9), 0, -1][next(3)]!,
  hash: bytes(),
  verdict: VERDICT_SYMBOLS[next(VERDICT_SYMBOLS.length)]!,
  parameterVersion: next(200),
  registryBlock: next(2) === 0 ? null : bytes(),
});

const read = <T>(by: () => T): T | 'refused' => {
  try {
    return by();
  } catch (error) {
    expect(String(error)).toContain('ATS_EVENT_MALFORMED');
    return 'refused';
  }
};

it('reads what the codec writes', () => {
  for (let i = 0; i < 500; i++) {
    const made = entry();
    expect(decodeEntry(codec.encode('audit-log', made))).toEqual(made);
  }
});

it('accepts and refuses the very bytes that the codec does: changed, cut, longer', () => {
  let refused = 0;
  for (let i = 0; i < 6000; i++) {
    const leaf = Buffer.from(codec.encode('audit-log', entry()));
    const at = 5 + next(leaf.length - 5);
    const changed = [
      () => { leaf[at]! ^= 1 << next(8); return leaf; },
      () => leaf.subarray(0, at),
      () => Buffer.concat([leaf, Buffer.from([next(256)])]),
      () => Buffer.concat([leaf.subarray(0, at), Buffer.from([0x80 | next(128)]), leaf.subarray(at)]),
    ][next(4)]!();
    const ours = read(() => decodeEntry(changed));
    expect(ours).toEqual(read(() => codec.decode('audit-log', changed)));
    if (ours === 'refused') refused++;
  }
  expect(refused).toBeGreaterThan(2000);
});

it('takes any schema id, and no other frame', () => {
  const leaf = Buffer.from(codec.encode('audit-log', entry()));
  leaf.writeUInt32BE(9, 1);
  expect(() => decodeEntry(leaf)).not.toThrow();
  leaf[0] = 1;
  for (const bad of [leaf, Buffer.alloc(0), Buffer.alloc(4), Buffer.from('log.example\n5\n')]) expect(read(() => decodeEntry(bad))).toBe('refused');
});
