import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadVerificationKey } from '#libs/proofs';
import { STATEMENTS } from '#libs/verdict';
import { drawTrapdoor, verificationKeyOf, type Trapdoor } from './trapdoor.js';

/** Keys of every statement that this software knows, whose trapdoor is known too. */
export interface ThrowawayCircuits {
  /** What ATTESTREAM_CIRCUITS_DIR names. */
  readonly folder: string;
  readonly trapdoor: Trapdoor;
  /** By circuit, hex SHA-256 of the key file: a parameter set that names it counts these proofs, and no other set does. */
  readonly keyHashes: Readonly<Record<string, string>>;
}

/** Writes what a gate reads of circuits/, with keys that the seed alone decides. */
export function writeThrowawayCircuits(folder: string, seed: string): ThrowawayCircuits {
  const circuits = Object.keys(STATEMENTS).map((id) => ({ id, publicSignals: loadVerificationKey(id).verificationKey.nPublic }));
  const trapdoor = drawTrapdoor(seed, circuits);
  const keyHashes = Object.fromEntries(Object.entries(trapdoor).map(([id, secrets]) => {
    const bytes = Buffer.from(JSON.stringify(verificationKeyOf(secrets)));
    mkdirSync(join(folder, id), { recursive: true });
    writeFileSync(join(folder, id, 'verification-key.json'), bytes);
    return [id, createHash('sha256').update(bytes).digest('hex')];
  }));
  return { folder, trapdoor, keyHashes };
}
