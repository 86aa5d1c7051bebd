import { createDecipheriv, createHmac, createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto';
import { generateSealingKey, openSealed, sealedAad, sealingKeyId, sealTo, type SealedPayload } from './index.js';

const hex = (text: string) => Buffer.from(text, 'hex');
const aad = sealedAad({ pseudonym: Buffer.alloc(32, 7), stream: 'load', epoch: 59_000_001 });
const plaintext = Buffer.from('{"salt":"12","readings":[1,2,3]}');

describe('a sealed payload', () => {
  it('opens for its recipient and additional data', async () => {
    const key = await generateSealingKey();
    const sealed = await sealTo({ publicKey: key.publicKey, plaintext, aad });
    expect(await openSealed({ privateKey: key.privateKey, sealed, aad })).toEqual(plaintext);
    expect([sealed.keyId.length, sealed.encapsulatedKey.length, sealed.ciphertext.length]).toEqual([16, 32, plaintext.length + 16]);
    expect(sealed.keyId).toEqual(sealingKeyId(key.publicKey));
    expect(sealed.ciphertext.includes(plaintext.subarray(0, 8))).toBe(false);
  });

  it('differs each time, although the bytes are the same', async () => {
    const { publicKey } = await generateSealingKey();
    const [one, two] = await Promise.all([sealTo({ publicKey, plaintext, aad }), sealTo({ publicKey, plaintext, aad })]);
    expect(one.ciphertext).not.toEqual(two.ciphertext);
    expect(one.encapsulatedKey).not.toEqual(two.encapsulatedKey);
  });

  it('opens for no other key, name, stream or epoch, and not when a byte of it changed', async () => {
    const key = await generateSealingKey();
    const other = await generateSealingKey();
    const sealed = await sealTo({ publicKey: key.publicKey, plaintext, aad });
    const refused = async (privateKey: Buffer, bytes: SealedPayload, data: Buffer) =>
      expect(openSealed({ privateKey, sealed: bytes, aad: data })).rejects.toThrow(/ATS_SEALED_UNREADABLE/);
    await refused(other.privateKey, sealed, aad);
    await refused(key.privateKey, sealed, sealedAad({ pseudonym: Buffer.alloc(32, 8), stream: 'load', epoch: 59_000_001 }));
    await refused(key.privateKey, sealed, sealedAad({ pseudonym: Buffer.alloc(32, 7), stream: 'loae', epoch: 59_000_001 }));
    await refused(key.privateKey, sealed, sealedAad({ pseudonym: Buffer.alloc(32, 7), stream: 'load', epoch: 59_000_002 }));
    for (const part of ['ciphertext', 'encapsulatedKey'] as const) {
      for (let i = 0; i < sealed[part].length; i += 5) {
        const changed = Buffer.from(sealed[part]);
        changed[i]! ^= 1;
        await refused(key.privateKey, { ...sealed, [part]: changed }, aad);
      }
      await refused(key.privateKey, { ...sealed, [part]: sealed[part].subarray(1) }, aad);
    }
  });

  it('is refused for bytes that are no key, and for a key of small order', async () => {
    await expect(sealTo({ publicKey: Buffer.alloc(31, 1), plaintext, aad })).rejects.toThrow(/ATS_SEALED_UNREADABLE/);
    await expect(sealTo({ publicKey: Buffer.alloc(32), plaintext, aad })).rejects.toThrow(/ATS_SEALED_UNREADABLE/);
  });

  it('is RFC 9180: an implementation of its formulas on node:crypto opens the RFC\'s vector and what we seal', async () => {
    // RFC 9180 appendix A.1.1.1, sequence number 0; its AEAD is AES-128-GCM (0x0001)
    const vector = {
      info: hex('4f6465206f6e2061204772656369616e2055726e'),
      skR: hex('4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8'),
      enc: hex('37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431'),
      aad: hex('436f756e742d30'),
      ct: hex('f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a'),
    };
    expect(referenceOpen({ ...vector, aead: 1 }).toString()).toBe('Beauty is truth, truth beauty');
    const key = await generateSealingKey();
    const sealed = await sealTo({ publicKey: key.publicKey, plaintext, aad });
    expect(referenceOpen({ info: Buffer.from('attestream/sealed/1'), skR: key.privateKey, enc: sealed.encapsulatedKey, aad, ct: sealed.ciphertext, aead: 2 })).toEqual(plaintext);
  });
});

/** RFC 9180 sections 4.1 (Decap), 5.1 (KeySchedule, mode_base) and 5.2 (Open), for DHKEM(X25519, HKDF-SHA256) and HKDF-SHA256. */
function referenceOpen({ info, skR, enc, aad: data, ct, aead }: { info: Buffer; skR: Buffer; enc: Buffer; aad: Buffer; ct: Buffer; aead: 1 | 2 }): Buffer {
  const privateKey = createPrivateKey({ key: Buffer.concat([hex('302e020100300506032b656e04220420'), skR]), format: 'der', type: 'pkcs8' });
  const ephemeral = createPublicKey({ key: Buffer.concat([hex('302a300506032b656e032100'), enc]), format: 'der', type: 'spki' });
  const pkR = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32);
  const kem = Buffer.concat([Buffer.from('KEM'), hex('0020')]);
  const hpke = Buffer.concat([Buffer.from('HPKE'), hex('00200001'), Buffer.from([0, aead])]);
  const extract = (salt: Buffer, suiteId: Buffer, label: string, ikm: Buffer) =>
    createHmac('sha256', salt).update(Buffer.concat([Buffer.from('HPKE-v1'), suiteId, Buffer.from(label), ikm])).digest();
  const expand = (prk: Buffer, suiteId: Buffer, label: string, context: Buffer, length: number) =>
    createHmac('sha256', prk).update(Buffer.concat([Buffer.from([0, length]), Buffer.from('HPKE-v1'), suiteId, Buffer.from(label), context, Buffer.from([1])]))
      .digest().subarray(0, length);
  const none = Buffer.alloc(0);
  const shared = expand(extract(none, kem, 'eae_prk', diffieHellman({ privateKey, publicKey: ephemeral })), kem, 'shared_secret', Buffer.concat([enc, pkR]), 32);
  const context = Buffer.concat([Buffer.from([0]), extract(none, hpke, 'psk_id_hash', none), extract(none, hpke, 'info_hash', info)]);
  const secret = extract(shared, hpke, 'secret', none);
  const cipher = aead === 1 ? 'aes-128-gcm' : 'aes-256-gcm';
  const opener = createDecipheriv(cipher, expand(secret, hpke, 'key', context, aead === 1 ? 16 : 32), expand(secret, hpke, 'base_nonce', context, 12));
  opener.setAAD(data).setAuthTag(ct.subarray(-16));
  return Buffer.concat([opener.update(ct.subarray(0, -16)), opener.final()]);
}
