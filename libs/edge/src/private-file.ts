import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AtsError } from '#libs/errors';

/** Makes a folder that only its owner enters. */
export function makePrivateFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
}

/** Writes a new file, 0600. An existing key is never overwritten. @throws AtsError ATS_CONFIG_INVALID when the file is there. */
export function writeNewKey(folder: string, name: string, content: string): void {
  const path = join(folder, name);
  if (existsSync(path)) throw new AtsError('ATS_CONFIG_INVALID', `${path} exists`, { todo: 'Choose another folder; a key is never overwritten.' });
  writeFileSync(path, content, { mode: 0o600, flag: 'wx' });
}

/** The bytes of a hex text of known length. @throws AtsError ATS_CONFIG_INVALID */
export function hexBytes(text: string, length: number, what: string): Buffer {
  if (!new RegExp(`^[0-9a-f]{${2 * length}}$`).test(text)) throw new AtsError('ATS_CONFIG_INVALID', `${what} is not ${length} bytes in hex`, { todo: 'Restore the file.' });
  return Buffer.from(text, 'hex');
}
