import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readSecretFile } from '#libs/config';
import { writeSecret } from './write-secret.js';

/** The Ethereum key in a file, made at the first run. Never shown, mode 0600. */
export function ethereumKey(file: string): string {
  if (!existsSync(file)) writeSecret(file, `0x${randomBytes(32).toString('hex')}\n`);
  return readSecretFile(file);
}
