import { AtsError } from '#libs/errors';
import { requireKey, sealingKeyId } from './key.js';
import { INFO, KEY_BYTES, ownBytes, suite } from './suite.js';

/** As the Avro schemas carry it: the recipient's key id (16 bytes), the ephemeral public key (32), the ciphertext with its 16-byte tag. */
export interface SealedPayload { keyId: Buffer; encapsulatedKey: Buffer; ciphertext: Buffer }

/**
 * Seals bytes to one recipient: RFC 9180 section 6.1, single-shot, base mode. Base mode does not say who sealed: authenticity comes from the
 * commitment in the proof, which the opened salt and readings must match.
 * @throws AtsError ATS_SEALED_UNREADABLE when the public key is not one.
 */
export async function sealTo({ publicKey, plaintext, aad }: { publicKey: Uint8Array; plaintext: Uint8Array; aad: Uint8Array }): Promise<SealedPayload> {
  const recipientPublicKey = await suite.kem.deserializePublicKey(ownBytes(requireKey(publicKey)));
  const sealed = await suite.seal({ recipientPublicKey, info: ownBytes(INFO) }, ownBytes(plaintext), ownBytes(aad)).catch((cause: unknown) => {
    // X25519 with a point of small order: RFC 9180 section 7.1.4 demands the refusal
    throw new AtsError('ATS_SEALED_UNREADABLE', 'nothing can be sealed to this public key', { cause });
  });
  return { keyId: sealingKeyId(publicKey), encapsulatedKey: Buffer.from(sealed.enc), ciphertext: Buffer.from(sealed.ct) };
}

/**
 * Opens what {@link sealTo} made for this key and the same `aad`.
 * @throws AtsError ATS_SEALED_UNREADABLE: another key, other additional data, or changed bytes; HPKE cannot tell which, the key id alone can.
 */
export async function openSealed({ privateKey, sealed, aad }: { privateKey: Uint8Array; sealed: SealedPayload; aad: Uint8Array }): Promise<Buffer> {
  const recipientKey = await suite.kem.deserializePrivateKey(ownBytes(requireKey(privateKey)));
  if (sealed.encapsulatedKey.length !== KEY_BYTES) {
    throw new AtsError('ATS_SEALED_UNREADABLE', `the encapsulated key has ${sealed.encapsulatedKey.length} bytes, not ${KEY_BYTES}`);
  }
  try {
    const enc = ownBytes(sealed.encapsulatedKey);
    return Buffer.from(await suite.open({ recipientKey, enc, info: ownBytes(INFO) }, ownBytes(sealed.ciphertext), ownBytes(aad)));
  } catch (cause) {
    throw new AtsError('ATS_SEALED_UNREADABLE', `key ${Buffer.from(sealed.keyId).toString('hex')} was named; the key, the additional data or the bytes are others`, { cause });
  }
}

/** What a payload is bound to: sealed readings of one stream and epoch open under no other name, stream or epoch. */
export function sealedAad({ pseudonym, stream, epoch }: { pseudonym: Uint8Array; stream: string; epoch: number }): Buffer {
  const name = Buffer.from(stream, 'utf8');
  const tail = Buffer.alloc(8);
  tail.writeBigUInt64BE(BigInt(epoch));
  // only the middle varies in length, and its length stands before it: no two triples share their bytes
  return Buffer.concat([pseudonym, Buffer.from([name.length]), name, tail]);
}
