import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { JsonRpc, RegistryProjection, type Deployment } from '#libs/chain';
import { isAtsError } from '#libs/errors';
import { SCHEMAS, schemaFingerprint, type SchemaSource } from '#libs/events';
import { CIRCUITS_FOLDER, loadVerificationKey } from '#libs/proofs';
import { parseParameterSet, type ParameterSet } from '#libs/verdict';
import type { LogSource, RecordSource } from '../sources.js';
import { ArchiveFolder } from './archive-folder.js';
import { ChainArchive } from './chain-archive.js';
import { exportChain } from './chain-export.js';
import { boundsOfRange, takeCut, type Bounds } from './cut.js';
import { exportLog } from './log-export.js';
import { MANIFEST_FILE, type ArchiveManifest } from './manifest.js';
import { ARCHIVE_README } from './readme.js';
import { exportRecords, type ArchivedPartition } from './record-archive.js';

/** An answer with all receipts of a block takes a while. */
const RPC_TIMEOUT_MS = 30_000;

/** Blocks looked through at once for parameter sets. */
const BLOCKS_AT_ONCE = 1024;

export interface WriteArchiveParameters {
  /** Must not be there. */
  dir: string;
  records: RecordSource;
  log: LogSource;
  vkey: string;
  rpcUrl: string;
  deployment: Deployment;
  /** Schemas that are not this program's own. */
  schemas: SchemaSource;
  circuitsFolder?: string;
  /** Leaves whose records are exported, [from, to). Default: all. The tree and the chain are always whole. */
  range?: { from: number; to: number } | undefined;
  onProgress?: (stage: 'chain' | 'log' | 'records', done: number, total: number) => void;
  signal?: AbortSignal;
}

/**
 * Exports everything that an audit needs into one folder that outlives its vendor. The folder appears whole or not at all.
 * @throws AtsError ATS_ARCHIVE_EXISTS, and what the sources throw
 */
export async function writeArchive({ dir, records, log, vkey, rpcUrl, deployment, schemas, circuitsFolder = CIRCUITS_FOLDER, range, onProgress = () => undefined, signal }: WriteArchiveParameters): Promise<ArchiveManifest> {
  const folder = await ArchiveFolder.create(dir);
  try {
    const rpc = new JsonRpc(rpcUrl, RPC_TIMEOUT_MS);
    const { checkpoint, head, bounds } = await takeCut({ records, log, vkey, rpc, deployment });
    await exportChain(folder, { rpc, deployment, head, onProgress: progress('chain') });
    await exportLog(folder, log.tiles, checkpoint, progress('log'));
    const partitions = await exportPartitions(folder, records, range ? await boundsOfRange(log.tiles, checkpoint.size, range, bounds) : bounds, progress('records'));

    const sets = await parameterSets(folder.dir, deployment);
    const missing: string[] = [];
    const manifest: ArchiveManifest = {
      schema: 'attestream/archive/1',
      createdAt: new Date().toISOString(),
      range: range ? { from: range.from, to: Math.min(range.to, checkpoint.size) } : { from: 0, to: checkpoint.size },
      log: { origin: checkpoint.origin, size: checkpoint.size, root: checkpoint.root.toString('hex') },
      head: { number: head.number, hash: `0x${head.hash.toString('hex')}` },
      partitions,
      schemas: await exportSchemas(folder, sets, schemas, missing),
      circuits: await exportKeys(folder, sets, circuitsFolder, missing),
      missing,
    };
    await folder.put('log.vkey', `${vkey.trim()}\n`);
    await folder.put('deployment.json', `${JSON.stringify(deployment, null, 2)}\n`);
    await folder.put('README.txt', ARCHIVE_README);
    await folder.put(MANIFEST_FILE, `${JSON.stringify(manifest, null, 2)}\n`);
    await folder.finish();
    return manifest;
  } catch (error) {
    await folder.discard();
    throw error;
  }

  function progress(stage: 'chain' | 'log' | 'records') {
    return (done: number, total: number) => {
      signal?.throwIfAborted();
      onProgress(stage, done, total);
    };
  }
}

async function exportPartitions(folder: ArchiveFolder, records: RecordSource, bounds: readonly Bounds[], onProgress: (done: number, total: number) => void): Promise<ArchivedPartition[]> {
  // Offsets, not records: markers and aborted records leave gaps.
  const total = bounds.reduce((sum, { from, to }) => sum + Number(to - from), 0);
  const partitions: ArchivedPartition[] = [];
  let before = 0;
  for (const one of bounds) {
    let done = 0;
    partitions.push(await exportRecords(folder, records, { ...one, onRecord: () => { if (++done % 1000 === 0) onProgress(before + done, total); } }));
    before += Number(one.to - one.from);
    onProgress(before, total);
  }
  return partitions;
}

/** Every parameter set that the exported chain has published and that can be read. */
async function parameterSets(dir: string, deployment: Deployment): Promise<ParameterSet[]> {
  const chain = await ChainArchive.open(dir, deployment);
  const { number: last } = await chain.head();
  const projection = new RegistryProjection(deployment);
  const byVersion = new Map<number, ParameterSet>();
  for (let from = deployment.firstBlock; from <= last; from += BLOCKS_AT_ONCE) {
    for (const block of await chain.read(from, Math.min(from + BLOCKS_AT_ONCE - 1, last))) {
      projection.apply(block);
      if (block.logs.length === 0) continue;
      const published = projection.parametersAt(block.number);
      if (published === undefined || byVersion.has(published.version)) continue;
      try {
        byVersion.set(published.version, parseParameterSet(published.document));
      } catch (error) {
        if (!isAtsError(error, 'ATS_PARAMETERS_INVALID')) throw error; // it judges nothing, and names nothing
      }
    }
  }
  return [...byVersion.values()];
}

async function exportSchemas(folder: ArchiveFolder, sets: readonly ParameterSet[], source: SchemaSource, missing: string[]): Promise<number[]> {
  const listed = new Map(sets.flatMap((set) => set.schemas.map((schema) => [schema.id, schema] as const)));
  const ids: number[] = [];
  for (const { id, topic, fingerprint } of listed.values()) {
    const schema: unknown = fingerprint === schemaFingerprint(topic) ? SCHEMAS[topic] : await source(id).catch((error: unknown) => {
      if (!isAtsError(error, 'ATS_EVENT_SCHEMA_UNKNOWN')) throw error;
      missing.push(`schema ${id} of ${topic}`);
      return undefined;
    });
    if (schema === undefined) continue;
    await folder.put(`schemas/${id}.json`, `${JSON.stringify(schema, null, 2)}\n`);
    ids.push(id);
  }
  return ids;
}

async function exportKeys(folder: ArchiveFolder, sets: readonly ParameterSet[], circuitsFolder: string, missing: string[]): Promise<string[]> {
  const named = new Map(sets.flatMap(({ statements }) => statements.map((statement) => [`${statement.circuit} ${statement.verificationKey}`, statement] as const)));
  const circuits: string[] = [];
  for (const { circuit, verificationKey } of named.values()) {
    const found = keyFile(circuit, verificationKey, circuitsFolder);
    if (found === undefined) {
      missing.push(`verification key ${verificationKey} of ${circuit}`);
      continue;
    }
    await folder.put(`circuits/${circuit}/verification-key.json`, found);
    circuits.push(circuit);
  }
  return circuits;
}

/** The bytes of the key file, when it is the one that is named. */
function keyFile(circuit: string, verificationKey: string, circuitsFolder: string): Buffer | undefined {
  try {
    const { verificationKeyHash } = loadVerificationKey(circuit, circuitsFolder);
    return verificationKeyHash === verificationKey ? readFileSync(join(circuitsFolder, circuit, 'verification-key.json')) : undefined;
  } catch (error) {
    if (isAtsError(error, 'ATS_CIRCUIT_MISSING')) return undefined;
    throw error;
  }
}
