import type { EventByTopic } from './generated.js';

const bytes = (length: number, first: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => (first + i) & 0xff));
const sealed = { keyId: bytes(16, 1), encapsulatedKey: bytes(32, 2), ciphertext: bytes(96, 3) };
const source = { topic: 'telemetry', partition: 2, offset: 41, timestamp: 1_795_000_000_000, hash: bytes(32, 9) };
const proven = { pseudonym: bytes(32, 4), epoch: 59_833_333, nullifier: bytes(32, 6), commitment: bytes(32, 7), policyFamily: 'home-v1' };
const verified = {
  source, ...proven, parameterVersion: 1, registryBlock: { number: 1_000_000, hash: bytes(32, 10) },
  windowEnd: 1_795_000_020_000, partitionClock: 1_795_000_000_000, epochFloor: 59_833_330, late: false,
};

/** One event of each topic, with every kind of field in it, for tests. */
export const SAMPLES: EventByTopic = {
  telemetry: { ...proven, stream: 'load', root: bytes(32, 5), state: 'WARNING', circuit: 'telemetry16', sealed, proof: bytes(256, 8) },
  'bci-intent': { ...proven, stream: 'ssvep', root: bytes(32, 5), intent: 3, circuit: 'intent12x4', sealed, proof: bytes(256, 8) },
  'chain-events': {
    chainId: 31_337, number: 77, hash: bytes(32, 11), parentHash: bytes(32, 12), timestamp: 1_795_000_000_000,
    logs: [{ address: bytes(20, 13), topics: [bytes(32, 14), bytes(32, 15)], data: bytes(64, 16), transactionHash: bytes(32, 17), logIndex: 0 }],
  },
  'telemetry.verified': { ...verified, stream: 'load', state: 'CRITICAL', circuit: 'telemetry16' },
  'bci-intent.verified': { ...verified, stream: 'ssvep', intent: 0, circuit: 'intent12x4' },
  rejected: { source, reason: 'NULLIFIER_SEEN', detail: 'größer als erlaubt: 64 KiB', duplicateOf: 40, parameterVersion: 0, registryBlock: null },
  'audit-log': { topic: 'telemetry', partition: 0, offset: 2 ** 40, timestamp: 1_795_000_000_000, hash: bytes(32, 9), verdict: 'PROOF_INVALID', parameterVersion: 1, registryBlock: bytes(32, 10) },
};
