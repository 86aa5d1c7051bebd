import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readDeployment, type Deployment } from '#libs/chain';
import { AtsError } from '#libs/errors';
import type { SchemaSource } from '#libs/events';
import { DirectoryTiles } from '#libs/log';
import type { LogSource } from '../sources.js';
import { verifySums } from './archive-folder.js';
import { ChainArchive } from './chain-archive.js';
import { LOG_FOLDER } from './log-export.js';
import { readManifest, type ArchiveManifest } from './manifest.js';
import { RecordArchive } from './record-archive.js';

/** Everything that an audit reads, out of one folder. */
export interface Archive {
  readonly manifest: ArchiveManifest;
  /** SHA-256 of the list of sums: names exactly this archive. */
  readonly id: Buffer;
  readonly records: RecordArchive;
  readonly log: LogSource;
  readonly chain: ChainArchive;
  readonly deployment: Deployment;
  readonly vkey: string;
  readonly schemas: SchemaSource;
  readonly circuitsFolder: string;
}

/**
 * Opens an archive once all of it is as it was written, and its chain proof holds.
 * @param blockHash of the archive's last block, from a source that the auditor trusts; without it the chain is the archive's own word
 * @throws AtsError ATS_ARCHIVE_INVALID, ATS_ARCHIVE_DAMAGED, ATS_ARCHIVE_CHAIN_INVALID, ATS_ARCHIVE_UNANCHORED, ATS_DEPLOYMENT_INVALID
 */
export async function openArchive(folder: string, { blockHash, onProgress }: { blockHash?: Buffer | undefined; onProgress?: (files: number) => void } = {}): Promise<Archive> {
  const dir = resolve(folder);
  const id = await verifySums(dir, onProgress);
  const manifest = readManifest(dir);
  const deployment = readDeployment(join(dir, 'deployment.json'));
  const chain = await ChainArchive.open(dir, deployment, blockHash);
  const logDir = join(dir, LOG_FOLDER);
  return {
    manifest, id, deployment, chain,
    records: new RecordArchive(dir, manifest.partitions),
    log: { checkpoint: () => readFile(join(logDir, 'checkpoint')), tiles: new DirectoryTiles(logDir) },
    vkey: (await readFile(join(dir, 'log.vkey'), 'utf8')).trim(),
    schemas: async (schemaId) => {
      const file = join(dir, 'schemas', `${schemaId}.json`);
      if (!existsSync(file)) throw new AtsError('ATS_EVENT_SCHEMA_UNKNOWN', `the archive has no id ${schemaId}`);
      return JSON.parse(await readFile(file, 'utf8')) as unknown;
    },
    circuitsFolder: join(dir, 'circuits'),
  };
}
