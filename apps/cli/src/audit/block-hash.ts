import { AtsError } from '#libs/errors';

/** @throws AtsError ATS_CONFIG_INVALID */
export function parseBlockHash(text: string | undefined): Buffer | undefined {
  if (text === undefined) return undefined;
  if (!/^(0x)?[0-9a-fA-F]{64}$/.test(text)) throw new AtsError('ATS_CONFIG_INVALID', `--block-hash ${JSON.stringify(text)} is not 32 bytes in hex`, { todo: 'Copy it from a source that you trust.' });
  return Buffer.from(text.replace(/^0x/, ''), 'hex');
}

/** A leaf's number. @throws AtsError ATS_CONFIG_INVALID */
export function parseLeaf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new AtsError('ATS_CONFIG_INVALID', `--${flag} ${JSON.stringify(text)} is not the number of an entry`, { todo: 'Entries are counted from 0.' });
  return Number(text);
}
