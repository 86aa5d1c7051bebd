import { randomInt } from 'node:crypto';
import { FIELD_MODULUS, fieldFromText } from '#libs/events';
import {
  generateSensorKey, KIND, leafHash, MerkleTree, readingsDigest, secretHash, sensorPublicKey, signDigest, type TelemetryInput, type TelemetryPolicy,
} from '../src/index.js';

export const POLICY: TelemetryPolicy = { warnLo: 100n, warnHi: 1100n, critLo: 50n, critHi: 2000n, kWarn: 3n, kCrit: 2n };

/** A household with one sensor, registered among others. */
export class Household {
  readonly sensorKey = generateSensorKey();
  readonly publicKey = sensorPublicKey(this.sensorKey);
  readonly secret = randomField();
  readonly policyFamily = fieldFromText('home');
  readonly tree = new MerkleTree();
  readonly index: number;

  constructor(neighbours = 5) {
    for (let i = 0; i < neighbours; i++) this.tree.append(randomField());
    const kind = KIND.telemetry;
    this.index = this.tree.append(leafHash({ kind, ...this.publicKey, secretHash: secretHash(this.secret), program: this.policyFamily }));
    this.tree.append(randomField());
  }

  /** Inputs that satisfy the statement, but for what the test changes: the sensor signs the given readings, stream and epoch. */
  input(changes: Partial<TelemetryInput> = {}): TelemetryInput {
    const { stream = fieldFromText('load'), epoch = 58_000_000n, readings = calmReadings() } = changes;
    const signature = signDigest(this.sensorKey, readingsDigest({ kind: KIND.telemetry, stream, epoch, values: readings }));
    return {
      scope: fieldFromText('scope'), stream, epoch, policyFamily: this.policyFamily, messageHash: 2n ** 253n - 1n, ...POLICY,
      ...this.publicKey, ...signature, secret: this.secret, salt: randomField(), ...this.tree.path(this.index), readings, ...changes,
    };
  }
}

/** 16 readings inside every bound of {@link POLICY}. */
export function calmReadings(): bigint[] {
  return Array.from({ length: 16 }, () => BigInt(randomInt(100, 1101)));
}

export function randomField(): bigint {
  let value = 0n;
  for (let i = 0; i < 11; i++) value = (value << 24n) + BigInt(randomInt(2 ** 24));
  return value % FIELD_MODULUS;
}
