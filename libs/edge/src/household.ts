import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { readSecretFile } from '#libs/config';
import { fieldFromBytes } from '#libs/events';
import { generateSealingKey } from '#libs/sealed';
import { hexBytes, makePrivateFolder, writeNewKey } from './private-file.js';

/** Files of a household folder, hex, 0600. The agent reads the first two; the third may live elsewhere, with the one who reads the readings. */
const FILES = { secret: 'secret', sealingPublicKey: 'sealing.pub', sealingPrivateKey: 'sealing.key' } as const;

/** What an agent needs of its household. */
export interface Household {
  /** Behind pseudonym and nullifiers; a field element. */
  secret: bigint;
  /** X25519, 32 bytes. */
  sealingPublicKey: Buffer;
}

/** Makes a household's secret and sealing keys in a folder of its own. @throws AtsError ATS_CONFIG_INVALID when there is one already. */
export async function createHousehold(folder: string): Promise<Household & { sealingPrivateKey: Buffer }> {
  makePrivateFolder(folder);
  // 248 bits: below the field's modulus whatever they are
  const secret = Buffer.concat([Buffer.alloc(1), randomBytes(31)]);
  const { publicKey, privateKey } = await generateSealingKey();
  writeNewKey(folder, FILES.secret, `${secret.toString('hex')}\n`);
  writeNewKey(folder, FILES.sealingPrivateKey, `${privateKey.toString('hex')}\n`);
  writeNewKey(folder, FILES.sealingPublicKey, `${publicKey.toString('hex')}\n`);
  return { secret: fieldFromBytes(secret), sealingPublicKey: publicKey, sealingPrivateKey: privateKey };
}

/** @throws AtsError ATS_CONFIG_INVALID, or ATS_SECRET_EXPOSED when others can read the secret. */
export function loadHousehold(folder: string): Household {
  return {
    secret: fieldFromBytes(hexBytes(readSecretFile(join(folder, FILES.secret)), 32, 'the household secret')),
    sealingPublicKey: hexBytes(readSecretFile(join(folder, FILES.sealingPublicKey)), 32, 'the sealing key'),
  };
}

/** The household's own key to its readings. @throws as {@link loadHousehold}. */
export function loadSealingPrivateKey(folder: string): Buffer {
  return hexBytes(readSecretFile(join(folder, FILES.sealingPrivateKey)), 32, 'the sealing key');
}
