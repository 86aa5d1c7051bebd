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
  readonly dir: string;
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
export async function openArchive(folder: string, { blockHash, onProgress }: { blockHash?: Buffer | undefined; onProgress?: (files: number, total: number) => void } = {}): Promise<Archive> {
  const dir = resolve(folder);
  const id = await verifySums(dir, onProgress);
  const manifest = readManifest(dir);
  const deployment = readDeployment(join(dir, 'deployment.json'));
  const chain = await ChainArchive.open(dir, deployment, blockHash);
  const logDir = join(dir, LOG_FOLDER);
  return {
    manifest, id, deployment, chain,
    dir, records: new RecordArchive([{ dir, partitions: manifest.partitions }]),
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

/**
 * The records of archives that continue each other: each begins with the entry behind the last of the one before. Log and chain are the newest one's, which has all of both.
 * @throws AtsError ATS_ARCHIVE_INVALID when they do not
 */
export function joinArchives(archives: readonly Archive[]): { records: RecordArchive; range: ArchiveManifest['range'] } {
  archives.forEach(({ dir, manifest: { range, log } }, i) => {
    const before = archives[i - 1]?.manifest;
    const begins = before?.range.to ?? 0;
    if (range.from !== begins || (before !== undefined && before.log.origin !== log.origin)) {
      throw new AtsError('ATS_ARCHIVE_INVALID', `${dir} begins with entry ${range.from} of ${log.origin}, expected was entry ${begins} of ${before?.log.origin ?? log.origin}`, { todo: 'Name archives that continue each other, in order, from entry 0 on: verdicts depend on what came before.' });
    }
  });
  return { records: new RecordArchive(archives.map(({ dir, manifest: { partitions } }) => ({ dir, partitions }))), range: { from: 0, to: archives.at(-1)!.manifest.range.to } };
}
