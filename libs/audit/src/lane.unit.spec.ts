import { createHash } from 'node:crypto';
import { Lane, type LaneState } from './lane.js';

const sha = (text: string) => createHash('sha256').update(text).digest();
const shortened = (seen: LaneState['seen']) => seen.map(([key, epoch, offset, hash]) => [key.toString('hex').slice(-32), epoch, offset, hash.toString('hex').slice(0, 16)].join(' ')).sort();

it('a lane goes on from what it saved, and from what was saved when nullifiers and hashes were kept whole', () => {
  const whole: LaneState = {
    topic: 'telemetry', partition: 3, next: 900n, last: 899, judged: true, clock: 1000, floor: 5, passed: [7], missing: [],
    seen: Array.from({ length: 1000 }, (_, n) => [sha(`nullifier ${n}`), 5 + (n % 9), n, sha(`record ${n}`)]),
  };
  const once = Lane.from(whole);
  const saved = once.toState();
  expect(saved.seen[0]![0]).toHaveLength(16);
  expect(shortened(saved.seen)).toEqual(shortened(whole.seen));
  const twice = Lane.from(saved);
  for (const lane of [once, twice]) {
    expect(lane.state).toMatchObject({ clock: 1000, floor: 5 });
    expect(lane.state.seen.get(sha('nullifier 321'))).toEqual({ epoch: 5 + (321 % 9), offset: 321, hash: sha('record 321').subarray(0, 8) });
    expect(lane.state.seen.get(sha('nullifier 1000'))).toBeUndefined();
  }
  expect({ ...twice.toState(), seen: shortened(twice.toState().seen) }).toEqual({ ...whole, seen: shortened(whole.seen) });
});
