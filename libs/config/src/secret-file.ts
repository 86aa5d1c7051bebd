import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { AtsError } from '#libs/errors';

/**
 * The text of a secret file without the newline at its end.
 * @throws AtsError ATS_SECRET_EXPOSED when its mode lets group or others in, ATS_CONFIG_INVALID when it can't be read or is empty
 */
export function readSecretFile(path: string): string {
  const file = open(path);
  try {
    // Of the open file, so that no other can take its place in between.
    const mode = fstatSync(file).mode & 0o777;
    if ((mode & 0o077) !== 0) throw new AtsError('ATS_SECRET_EXPOSED', `${path} has mode 0${mode.toString(8)}`, { todo: `Run chmod 600 ${path}.` });
    const secret = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    if (secret === '') throw new AtsError('ATS_CONFIG_INVALID', `the secret file ${path} is empty`);
    return secret;
  } finally {
    closeSync(file);
  }
}

function open(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new AtsError('ATS_CONFIG_INVALID', `the secret file ${path} can't be read (${code})`, { cause: error });
  }
}
