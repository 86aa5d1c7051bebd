import { createPrivateKey, createPublicKey, hash, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { cosigner } from '../test/cosigner.js';
import { cosignatureTime, cosignatureVerifier, formatCheckpoint, generateLogKey, noteVerifier, openNote, parseNote, parseVkey, signNote } from './index.js';

const vectors = JSON.parse(readFileSync(new URL('../test/vectors/tlog-cosignature.json', import.meta.url), 'utf8'));
const text = formatCheckpoint({ origin: 'log.example/a', size: 12, root: Buffer.alloc(32, 3), extensions: ['extension'] });
const time = 1_679_315_147n;

it('the spec\'s example has its time where it is looked for', () => {
  const [, cosignature] = parseNote(Buffer.from(vectors.note)).signatures;
  expect(cosignature!.signature.length).toBe(72);
  expect(cosignatureTime(cosignature!.signature)).toBe(BigInt(vectors.time));
});

it('what an Ed25519 cosignature signs is the spec\'s example, byte for byte', () => {
  // a key of RFC 8032, section 7.1
  const key = createPrivateKey({ key: Buffer.from('302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex'), format: 'der', type: 'pkcs8' });
  const raw = Buffer.concat([Buffer.of(4), createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32)]);
  const id = hash('sha256', Buffer.concat([Buffer.from('w\n'), raw]), 'hex').slice(0, 8);
  const stamp = Buffer.alloc(8);
  stamp.writeBigUInt64BE(BigInt(vectors.time));
  const message = Buffer.from(parseNote(Buffer.from(vectors.note)).text);
  const verifier = cosignatureVerifier(`w+${id}+${raw.toString('base64')}`);
  expect(verifier.verify(message, Buffer.concat([stamp, sign(null, Buffer.from(vectors.ed25519Message), key)]))).toBe(true);
  expect(verifier.verify(message, Buffer.concat([stamp, sign(null, message, key)]))).toBe(false);
});

describe.each(['ed25519', 'ml-dsa-44'] as const)('%s', (type) => {
  const witness = cosigner('witness.example/w1', type, time);
  const verifier = cosignatureVerifier(witness.vkey);
  const message = Buffer.from(text);
  const signature = witness.sign(message);

  it('a cosignature is verified in a note, by name and id', () => {
    expect([verifier.name, verifier.keyId]).toEqual([witness.name, witness.keyId]);
    expect(openNote(signNote(text, [witness]), [verifier]).signatures).toMatchObject([{ name: 'witness.example/w1' }]);
  });

  it('the time is under the signature', () => {
    expect(verifier.verify(message, signature)).toBe(true);
    const earlier = Buffer.from(signature);
    earlier.writeBigUInt64BE(time - 1n);
    expect(verifier.verify(message, earlier)).toBe(false);
    const late = cosigner('witness.example/w1', type, 2n ** 63n);
    expect(cosignatureVerifier(late.vkey).verify(message, late.sign(message))).toBe(false);
  });

  it('another size, root or origin, a byte less or more, or another witness is refused', () => {
    for (const changed of [text.replace('12', '13'), text.replace('/a', '/b'), text.replace('AwMD', 'AgMD')]) expect(verifier.verify(Buffer.from(changed), signature)).toBe(false);
    for (const changed of [signature.subarray(1), signature.subarray(0, -1), Buffer.concat([signature, Buffer.of(0)]), Buffer.alloc(0)]) expect(verifier.verify(message, changed)).toBe(false);
    expect(cosignatureVerifier(cosigner('witness.example/w1', type, time).vkey).verify(message, signature)).toBe(false);
  });

  it('extension lines are under an Ed25519 signature and, as the spec says, not under an ML-DSA-44 one', () => {
    expect(verifier.verify(Buffer.from(text.replace('extension', 'extensioN')), signature)).toBe(type === 'ml-dsa-44');
  });
});

it('an ML-DSA-44 cosignature covers the witness\'s name, and checkpoints alone', () => {
  const witness = cosigner('witness.example/w1', 'ml-dsa-44', time);
  const { key } = parseVkey(witness.vkey);
  const id = hash('sha256', Buffer.concat([Buffer.from('witness.example/w2\n'), Buffer.of(6), key]), 'hex').slice(0, 8);
  const renamed = cosignatureVerifier(`witness.example/w2+${id}+${Buffer.concat([Buffer.of(6), key]).toString('base64')}`);
  expect(renamed.verify(Buffer.from(text), witness.sign(Buffer.from(text)))).toBe(false);
  expect(cosignatureVerifier(witness.vkey).verify(Buffer.from('no checkpoint\n'), Buffer.alloc(2428))).toBe(false);
  // its length in one byte would be that of another origin
  const long = Buffer.from(text.replace('log.example/a', 'o'.repeat(256)));
  expect(cosignatureVerifier(witness.vkey).verify(long, witness.sign(long))).toBe(false);
});

it('a log\'s key is no witness\'s, and a witness\'s key no log\'s', () => {
  const refused = expect.objectContaining({ code: 'ATS_NOTE_KEY_INVALID' });
  const witness = cosigner('witness.example/w1', 'ed25519', time);
  expect(() => cosignatureVerifier(generateLogKey('log.example/a').vkey)).toThrow(refused);
  expect(() => noteVerifier(witness.vkey)).toThrow(refused);
  for (const type of [4, 6]) {
    const key = Buffer.from([type, 1, 2, 3]);
    expect(() => cosignatureVerifier(`w+${hash('sha256', Buffer.concat([Buffer.from('w\n'), key]), 'hex').slice(0, 8)}+${key.toString('base64')}`)).toThrow(refused);
  }
});
