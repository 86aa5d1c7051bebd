import { randomBytes } from 'node:crypto';
import { cloudEventHeaders, TOPICS, type OutgoingRecord } from '#libs/events';
import type { BenchWorld } from './bench-world.js';

/** Source offsets from here on are of no message that was sent. */
export const SEEDED_FROM = 1_000_000_000;
const SEND = 1000;

/** Verified events as a gate that ran before would have left them, spread over all partitions: nullifiers that the next gate has to remember. */
export async function seedVerified({ codec, producer, world }: BenchWorld, count: number): Promise<void> {
  const { partitions } = TOPICS['telemetry.verified'];
  const { epochSeconds, acceptSeconds } = world.parameterSet().statements[0]!;
  const epoch = world.lastEpoch();
  const now = Date.now();
  const shared = {
    stream: world.streams[0]!, epoch, policyFamily: 'home', state: 'OK', commitment: Buffer.alloc(32), circuit: 'telemetry16', parameterVersion: 1,
    registryBlock: { number: 0, hash: Buffer.alloc(32) }, windowEnd: (epoch + 1) * epochSeconds * 1000, partitionClock: now,
    epochFloor: Math.ceil((now - acceptSeconds * 1000) / (epochSeconds * 1000)) - 1, late: false,
  } as const;
  for (let at = 0; at < count; at += SEND) {
    const records = Array.from({ length: Math.min(SEND, count - at) }, (_, i): OutgoingRecord => {
      const offset = SEEDED_FROM + Math.floor((at + i) / partitions);
      const partition = (at + i) % partitions;
      const pseudonym = randomBytes(32).fill(0, 0, 1);
      const value = codec.encode('telemetry.verified', {
        ...shared, pseudonym, nullifier: randomBytes(32).fill(0, 0, 1), source: { topic: 'telemetry', partition, offset, timestamp: now, hash: randomBytes(32) },
      });
      return { topic: 'telemetry.verified', partition, key: pseudonym, value, headers: cloudEventHeaders({ id: `${partition}/${offset}`, source: '/bench', type: 'attestream.telemetry.verified', subject: 'load', time: now }) };
    });
    await producer.send(records);
  }
}
