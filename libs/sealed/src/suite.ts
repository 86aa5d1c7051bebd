import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';

/** RFC 9180: DHKEM(X25519, HKDF-SHA256) 0x0020, HKDF-SHA256 0x0001, AES-256-GCM 0x0002, in base mode (section 5.1.1). */
export const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });

/** RFC 9180 `info`: binds a ciphertext to this use, so that bytes sealed by another protocol never open here. */
export const INFO = Buffer.from('attestream/sealed/1', 'utf8');

/** Bytes of a serialized X25519 key and of the encapsulated key (RFC 9180 section 7.1: Npk = Nsk = Nenc = 32). */
export const KEY_BYTES = 32;

/** A view of the bytes with an ArrayBuffer of its own, as the library wants them. */
export function ownBytes(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
