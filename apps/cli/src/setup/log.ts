import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { addressOf, grantAnchorRole, JsonRpc, logIdOf, logStatus, openLog, type Deployment } from '#libs/chain';
import { readSecretFile } from '#libs/config';
import { AtsError } from '#libs/errors';
import { generateLogKey, LogStore, parseVkey } from '#libs/log';
import { z } from 'zod';
import type { Layout } from '../layout.js';
import { placesOf } from '../recover/places.js';
import { ethereumKey } from './ethereum-key.js';
import { writeSecret } from './write-secret.js';

const FUNDS_WEI = 10n ** 20n;

/** The log of this data folder, as a reader finds it. */
export interface LogPlace {
  /** The log's name: first line of its checkpoints, and the name of its key. */
  readonly origin: string;
  readonly logId: Buffer;
  /** Where it is served. */
  readonly url: string;
}

export interface EnsureLogParameters {
  layout: Layout;
  rpcUrl: string;
  /** The operator's, which may open logs. */
  key: string;
  deployment: Deployment;
}

/**
 * The log's key, its store and its place on chain, made at the first run and in this order: once it is open on chain, a store that is missing has been
 * lost, and no new one is made in its place. The local node gives the anchorer its ether.
 * @throws AtsError ATS_LOG_MISSING
 */
export async function ensureLog({ layout, rpcUrl, key, deployment }: EnsureLogParameters): Promise<LogPlace> {
  if (existsSync(placesOf(layout).plan)) throw new AtsError('ATS_LOG_MISSING', 'a recovery of the log was begun and has not ended', { todo: 'Run bin/attestream recover-log again: it goes on where it was.' });
  const origin = ensureLogKey(layout, deployment);
  const logId = logIdOf(origin);
  const account = addressOf(ethereumKey(layout.anchorKeyFile));
  await new JsonRpc(rpcUrl).call('anvil_setBalance', [account, `0x${FUNDS_WEI.toString(16)}`], z.unknown());
  const status = await logStatus({ rpcUrl, deployment, logId });
  if (!existsSync(layout.logDir)) {
    if (status !== 'absent') throw new AtsError('ATS_LOG_MISSING', `${layout.logDir}: ${origin} is open on chain`, { todo: 'Restore it, or run make reset to forget all data.' });
    await LogStore.create({ dir: layout.logDir, origin });
  }
  if (status === 'absent') {
    await grantAnchorRole({ rpcUrl, key, deployment, account });
    await openLog({ rpcUrl, key, deployment, origin });
  }
  return { origin, logId, url: `http://127.0.0.1:${layout.ports.chainAnchor}/log/` };
}

/** The key names the log for good: another port later on changes where it is served, not who it is. A store whose key is gone gets no other one. */
function ensureLogKey({ logDir, logKeyFile, logVkeyFile, ports }: Layout, { chainId, checkpointAnchor }: Deployment): string {
  if (!existsSync(logKeyFile) && !existsSync(logDir)) {
    const { privateKey, vkey } = generateLogKey(`127.0.0.1:${ports.chainAnchor}/${chainId}/${checkpointAnchor.toLowerCase()}`);
    writeFileSync(logVkeyFile, `${vkey}\n`);
    writeSecret(logKeyFile, `${privateKey}\n`);
  }
  readSecretFile(logKeyFile); // its mode is checked here, before the app refuses it
  return parseVkey(readFileSync(logVkeyFile, 'utf8').trim()).name;
}
