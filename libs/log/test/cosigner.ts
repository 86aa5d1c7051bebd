import { createPublicKey, generateKeyPairSync, hash, sign } from 'node:crypto';
import type { NoteSigner } from '../src/index.js';

/** A witness's key as tlog-cosignature has it, written from the spec's words: signs checkpoint texts at a given time. */
export function cosigner(name: string, type: 'ed25519' | 'ml-dsa-44', time: bigint): NoteSigner & { vkey: string } {
  const { privateKey } = type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ml-dsa-44');
  const raw = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(type === 'ed25519' ? -32 : -1312);
  const key = Buffer.concat([Buffer.of(type === 'ed25519' ? 4 : 6), raw]);
  const id = hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), key]), 'buffer').subarray(0, 4);
  return {
    name,
    keyId: id.readUInt32BE(),
    vkey: `${name}+${id.toString('hex')}+${key.toString('base64')}`,
    sign: (text) => Buffer.concat([u64(time), sign(null, type === 'ed25519' ? Buffer.from(`cosignature/v1\ntime ${time}\n${text.toString()}`) : subtree(name, time, text.toString()), privateKey)]),
  };
}

function subtree(name: string, time: bigint, text: string): Buffer {
  const [origin, size, root] = text.split('\n');
  const variable = (bytes: Buffer) => Buffer.concat([Buffer.of(bytes.length), bytes]);
  return Buffer.concat([Buffer.from('subtree/v1\n\0'), variable(Buffer.from(name)), u64(time), variable(Buffer.from(origin!)), u64(0n), u64(BigInt(size!)), Buffer.from(root!, 'base64')]);
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}
