/** c2sp.org/tlog-cosignature: a witness's timestamped statement about a checkpoint. Ed25519 (type 0x04) and ML-DSA-44 (type 0x06). */
import { createPublicKey, verify } from 'node:crypto';
import { isAtsError, AtsError } from '#libs/errors';
import { ed25519PublicKey, parseVkey, type NoteVerifier } from './signed-note.js';
import { parseCheckpoint } from './tlog-checkpoint.js';

const ED25519_COSIGNATURE = 0x04;
const ML_DSA_44_COSIGNATURE = 0x06;
const TIMESTAMP_BYTES = 8;
const MAX_TIMESTAMP = 2n ** 63n - 1n;
const mlDsa44 = { keyBytes: 1312, signatureBytes: 2420, spki: Buffer.from('30820532300b06096086480165030403110382052100', 'hex') };

/** Verifies cosignatures of the key in `vkey`, of either type. @throws AtsError ATS_NOTE_KEY_INVALID */
export function cosignatureVerifier(vkey: string): NoteVerifier {
  const { name, keyId, type, key } = parseVkey(vkey);
  if (type === ED25519_COSIGNATURE) {
    const publicKey = ed25519PublicKey(name, key);
    return verifier(64, (message, timestamp, signature) => verify(null, ed25519Message(message, timestamp), publicKey, signature));
  }
  if (type !== ML_DSA_44_COSIGNATURE) throw new AtsError('ATS_NOTE_KEY_INVALID', `${name} has a key of type ${type}; witnesses have type 4 or 6`);
  if (key.length !== mlDsa44.keyBytes) throw new AtsError('ATS_NOTE_KEY_INVALID', `the ML-DSA-44 key of ${name} has ${key.length} bytes, not ${mlDsa44.keyBytes}`);
  const publicKey = createPublicKey({ key: Buffer.concat([mlDsa44.spki, key]), format: 'der', type: 'spki' });
  return verifier(mlDsa44.signatureBytes, (message, timestamp, signature) => {
    const signed = mlDsa44Message(name, message, timestamp);
    return signed !== undefined && verify(null, signed, publicKey, signature);
  });

  function verifier(length: number, holds: (message: Buffer, timestamp: bigint, signature: Buffer) => boolean): NoteVerifier {
    return {
      name, keyId,
      verify: (message, signature) => signature.length === TIMESTAMP_BYTES + length
        && cosignatureTime(signature) <= MAX_TIMESTAMP && holds(message, cosignatureTime(signature), signature.subarray(TIMESTAMP_BYTES)),
    };
  }
}

/** When it was made, in seconds of Unix time; 0 says that the cosigner claims no time. */
export function cosignatureTime(signature: Buffer): bigint {
  return signature.readBigUInt64BE(0);
}

function ed25519Message(text: Buffer, timestamp: bigint): Buffer {
  return Buffer.concat([Buffer.from(`cosignature/v1\ntime ${timestamp}\n`), text]);
}

/** The `cosigned_message` of a whole tree; undefined when the text is no checkpoint or a name is too long for it. */
function mlDsa44Message(name: string, text: Buffer, timestamp: bigint): Buffer | undefined {
  let checkpoint;
  try {
    checkpoint = parseCheckpoint(text.toString());
  } catch (error) {
    if (isAtsError(error, 'ATS_CHECKPOINT_MALFORMED')) return undefined;
    throw error;
  }
  const [cosigner, origin] = [Buffer.from(name), Buffer.from(checkpoint.origin)];
  if (cosigner.length > 0xff || origin.length > 0xff) return undefined;
  const numbers = (...values: bigint[]) => {
    const bytes = Buffer.alloc(8 * values.length);
    values.forEach((value, i) => bytes.writeBigUInt64BE(value, 8 * i));
    return bytes;
  };
  return Buffer.concat([
    Buffer.from('subtree/v1\n\0'), Buffer.of(cosigner.length), cosigner, numbers(timestamp), Buffer.of(origin.length), origin,
    numbers(0n, BigInt(checkpoint.size)), checkpoint.root,
  ]);
}
