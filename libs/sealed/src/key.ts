import { createHash } from 'node:crypto';
import { AtsError } from '#libs/errors';
import { KEY_BYTES, suite } from './suite.js';

/** A recipient's X25519 key pair, 32 bytes each. The private key stays with the one who may read. */
export interface SealingKey { publicKey: Buffer; privateKey: Buffer }

/** A fresh X25519 key pair. */
export async function generateSealingKey(): Promise<SealingKey> {
  const pair = await suite.kem.generateKeyPair();
  return {
    publicKey: Buffer.from(await suite.kem.serializePublicKey(pair.publicKey)),
    privateKey: Buffer.from(await suite.kem.serializePrivateKey(pair.privateKey)),
  };
}

/** Names a recipient's key in a sealed payload: the first 16 bytes of the SHA-256 of its public key. */
export function sealingKeyId(publicKey: Uint8Array): Buffer {
  return createHash('sha256').update(requireKey(publicKey)).digest().subarray(0, 16);
}

/** @throws AtsError ATS_SEALED_UNREADABLE when the bytes cannot be an X25519 key. */
export function requireKey(key: Uint8Array): Uint8Array {
  if (key.length !== KEY_BYTES) throw new AtsError('ATS_SEALED_UNREADABLE', `an X25519 key has ${KEY_BYTES} bytes, not ${key.length}`);
  return key;
}
