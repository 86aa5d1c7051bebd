import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TOPIC_NAMES, type TopicName } from '#libs/events';
import { deployment } from '../../../libs/chain/test/made-up-chain.js';
import { SimulatedWorld, writeThrowawayCircuits } from '../../support/simulated/index.js';
import { honestMessages, withBad } from './messages.js';

const dir = mkdtempSync(join(tmpdir(), 'attestream-messages-'));
afterAll(() => { rmSync(dir, { recursive: true }); });
const ids = Object.fromEntries(TOPIC_NAMES.map((topic, i) => [topic, 101 + i])) as Record<TopicName, number>;
const world = new SimulatedWorld({ seed: 's', circuits: writeThrowawayCircuits(dir, 's'), deployment, ids, streams: ['load', 'heat'] });

it('each message has a nullifier of its own, and comes from a chosen household', () => {
  const chosen = (household: number) => world.partitionOf(household) === 1;
  const made = honestMessages(world, 100, { chosen });
  expect(new Set(made.map(({ record }) => world.codec.decode('telemetry', record.value).nullifier.toString('hex'))).size).toBe(100);
  expect(new Set(made.map(({ record }) => world.partitionOfKey(record.key!)))).toEqual(new Set([1]));
});

const made = honestMessages(world, 100);
it.each([0, 1, 10, 50, 100])('%d %% bad messages are that many, and nothing but their proof is changed', (badPct) => {
  const spoiled = withBad(world, made, badPct);
  expect(spoiled.filter(({ expected }) => expected === 'PROOF_INVALID')).toHaveLength(badPct);
  spoiled.forEach(({ record, expected }, i) => {
    const { value } = made[i]!.record;
    expect(record.value.equals(value)).toBe(expected === 'VERIFIED');
    expect(record.value.subarray(0, -256)).toEqual(value.subarray(0, -256));
  });
});
