import { join } from 'node:path';
import { readSecretFile } from '#libs/config';
import { AtsError } from '#libs/errors';
import { fieldFromText } from '#libs/events';
import { generateSensorKey, KIND, secretHash, sensorPublicKey, signDigest, type LeafParameters, type SensorPublicKey, type SensorSignature } from '#libs/proofs';
import { hexBytes, makePrivateFolder, writeNewKey } from './private-file.js';

/** Files of a sensor's folder, 0600; the sensor process adds its journal. Nothing but the sensor process reads the key. */
const FILES = { key: 'sensor.key', settings: 'sensor.json' } as const;

/** What the registrar needs to vouch for a sensor: its key, and its signature over H(SECRET, secret) of the household that it joins. */
export interface SensorEnrolment { publicKey: SensorPublicKey; secretHash: bigint; signature: SensorSignature }

/**
 * Makes a sensor's key in a folder of its own. The length of its epochs is the sensor's, not the agent's: an agent that could choose it could
 * have tomorrow's epoch numbers signed today.
 * @throws AtsError ATS_CONFIG_INVALID when there is one already.
 */
export function createSensor(folder: string, { secret, epochSeconds = 30 }: { secret: bigint; epochSeconds?: number }): SensorEnrolment {
  makePrivateFolder(folder);
  const key = generateSensorKey();
  writeNewKey(folder, FILES.key, `${key.toString('hex')}\n`);
  writeNewKey(folder, FILES.settings, `${JSON.stringify({ epochSeconds })}\n`);
  return enrolSensor(folder, { secret });
}

/** The enrolment of a sensor that is there. The signature is deterministic, so that enrolling again gives the same. */
export function enrolSensor(folder: string, { secret }: { secret: bigint }): SensorEnrolment {
  const { key } = loadSensor(folder);
  const hidden = secretHash(secret);
  return { publicKey: sensorPublicKey(key), secretHash: hidden, signature: signDigest(key, hidden) };
}

/** The leaf that lets this sensor prove telemetry under a family's policies: what registerDevice takes. */
export function telemetryLeaf({ publicKey, secretHash: hidden }: Pick<SensorEnrolment, 'publicKey' | 'secretHash'>, policyFamily: string): LeafParameters {
  return { kind: KIND.telemetry, ...publicKey, secretHash: hidden, program: fieldFromText(policyFamily) };
}

/** @throws AtsError ATS_CONFIG_INVALID, or ATS_SECRET_EXPOSED when others can read the key. */
export function loadSensor(folder: string): { key: Buffer; epochSeconds: number } {
  const key = hexBytes(readSecretFile(join(folder, FILES.key)), 32, 'the sensor key');
  return { key, epochSeconds: epochSecondsOf(readSecretFile(join(folder, FILES.settings))) };
}

function epochSecondsOf(settings: string): number {
  try {
    const { epochSeconds } = JSON.parse(settings) as { epochSeconds: unknown };
    if (typeof epochSeconds === 'number' && Number.isInteger(epochSeconds) && epochSeconds > 0) return epochSeconds;
  } catch {
    // not JSON: the same line as for a wrong value
  }
  throw new AtsError('ATS_CONFIG_INVALID', `${FILES.settings} does not say epochSeconds`, { todo: 'Write {"epochSeconds": 30}.' });
}
