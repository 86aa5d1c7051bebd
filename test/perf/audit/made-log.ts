import { createWriteStream, mkdirSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { directoryLog, type AuditOptions, type ChainSource, type RecordSource } from '#libs/audit';
import { logIdOf, RegistryProjection } from '#libs/chain';
import { cloudEventHeaders, EventReader, recordHash, type ChainBlock, type KafkaRecord } from '#libs/events';
import { encodeEntryBundle, entriesPath, formatCheckpoint, generateLogKey, leafTile, noteSigner, signNote, TILE_WIDTH, tilePath } from '#libs/log';
import { createSnarkjsVerifier } from '#libs/proofs';
import { published } from '../../../libs/chain/test/made-up-chain.js';
import { decodeRecord, encodeRecord } from '../../../libs/audit/src/archive/record-frame.js';
import { prefixedLength, readFrames } from '../../../libs/audit/src/archive/frames.js';
import { TileTree } from '../../../libs/audit/src/tile-tree.js';
import { AuditMessages } from '../../support/audit-messages.js';
import { anchorLog, AUDIT_DEPLOYMENT, BEGIN_MS, hashOf } from '../../support/audit-world.js';
import { CODEC } from '../../support/gate-records.js';

const ORIGIN = 'log.example/bench';
const PARTITIONS = 4;
const VALUE_BYTES = 100;
const BLOCK_MS = 2000;
/** Records come a millisecond apart, from when the first parameter set is in force. */
const FIRST_MS = BEGIN_MS + 30_000;

/** A log of `entries` entries in files, its records in files beside it: bci-intents of a schema that is not listed, so that there is nothing to prove. */
export interface MadeLog {
  readonly dir: string;
  readonly entries: number;
  readonly vkey: string;
}

/** Writes tiles, entry bundles, a signed checkpoint and one file of records a partition, as an archive has them. */
export async function makeLog(dir: string, entries: number): Promise<MadeLog> {
  const { privateKey, vkey } = generateLogKey(ORIGIN);
  const projection = new RegistryProjection(AUDIT_DEPLOYMENT);
  for (const block of blocksFor(entries)) projection.apply({ ...block, logs: block.logs.slice(0, 1) });
  mkdirSync(dir, { recursive: true });
  const files = ['bci-intent/0', 'bci-intent/1', 'bci-intent/2', 'bci-intent/3', 'audit-log/0'].map((place) => createWriteStream(fileOf(dir, place)));
  const write = async (file: number, bytes: Buffer) => { if (!files[file]!.write(bytes)) await once(files[file]!, 'drain'); };
  const tree = new TileTree();
  let bundle: Buffer[] = [];
  let root: Buffer = Buffer.alloc(0);
  const close = () => {
    const hashes = leafTile(bundle);
    const index = tree.bundles;
    put(dir, entriesPath(index, bundle.length), encodeEntryBundle(bundle));
    put(dir, tilePath(0, index, bundle.length), hashes);
    if (bundle.length === TILE_WIDTH) for (const tile of tree.append(hashes)) put(dir, tilePath(tile.level, tile.index, TILE_WIDTH), tile.hashes);
    root = tree.rootWith(bundle.length === TILE_WIDTH ? Buffer.alloc(0) : hashes);
    bundle = [];
  };
  for (let i = 0; i < entries; i++) {
    const record = recordAt(i);
    const registry = projection.registryBlock(record.timestamp);
    if (registry.status !== 'found') throw new RangeError('the made-up chain is too short');
    const entry = CODEC.encode('audit-log', {
      topic: record.topic, partition: record.partition, offset: Number(record.offset), timestamp: record.timestamp, hash: recordHash(record), verdict: 'SCHEMA_UNKNOWN', parameterVersion: 1, registryBlock: registry.block.hash,
    });
    await write(record.partition, encodeRecord(record));
    await write(PARTITIONS, encodeRecord({ topic: 'audit-log', partition: 0, offset: BigInt(i), timestamp: record.timestamp, key: null, value: entry, headers: [] }));
    bundle.push(entry);
    if (bundle.length === TILE_WIDTH) close();
  }
  if (bundle.length > 0) close();
  for (const { level, index, hashes } of tree.unfinished()) put(dir, tilePath(level, index, hashes.length / 32), hashes);
  for (const file of files) await new Promise((resolve) => { file.end(resolve); });
  writeFileSync(join(dir, 'root'), root);
  writeFileSync(join(dir, 'checkpoint'), signNote(formatCheckpoint({ origin: ORIGIN, size: entries, root }), [noteSigner(privateKey)]));
  return { dir, entries, vkey };
}

/** What audits the log as it lies there. */
export function optionsOf({ dir, entries, vkey }: MadeLog, root: Buffer): AuditOptions {
  return {
    deployment: AUDIT_DEPLOYMENT, vkey, log: directoryLog(dir), records: fileRecords(dir, entries), chain: chainOf(entries, root),
    events: new EventReader(async (id) => { throw new RangeError(`schema ${id} is not asked for`); }), verifier: { name: 'none', create: createSnarkjsVerifier },
    now: () => FIRST_MS + entries + 60_000, limits: { anchorLagSeconds: 1e6, maxWaitSeconds: 1e6 },
  };
}

function recordAt(i: number): KafkaRecord {
  const value = Buffer.alloc(VALUE_BYTES, i);
  value.writeUInt32BE(0x7fff_0000, 0);
  value[0] = 0;
  value.writeUInt32BE(i, 8);
  const timestamp = FIRST_MS + i;
  const headers = Object.entries(cloudEventHeaders({ id: `${i}`, source: '/households/bench', type: 'attestream.bci-intent', subject: 'ssvep', time: timestamp }));
  return { topic: 'bci-intent', partition: i % PARTITIONS, offset: BigInt(Math.floor(i / PARTITIONS)), timestamp, key: Buffer.alloc(32, i), value, headers };
}

function blocksFor(entries: number, root?: Buffer): ChainBlock[] {
  const logId = logIdOf(ORIGIN);
  const count = Math.ceil((FIRST_MS - BEGIN_MS + entries + 60_000) / BLOCK_MS);
  return Array.from({ length: count }, (_, number) => ({
    chainId: AUDIT_DEPLOYMENT.chainId, number, hash: hashOf(number), parentHash: hashOf(number - 1), timestamp: BEGIN_MS + number * BLOCK_MS,
    logs: number === 1 ? [published(1, new AuditMessages(0n).document(1))]
      : number === 2 && root !== undefined ? [anchorLog('LogOpened', [logId, ORIGIN, Buffer.alloc(32)])]
      : number === count - 1 && root !== undefined ? [anchorLog('Anchored', [logId, entries, root])] : [],
  }));
}

function chainOf(entries: number, root: Buffer): ChainSource {
  const blocks = blocksFor(entries, root);
  return { deployment: AUDIT_DEPLOYMENT, head: async () => ({ number: blocks.length - 1, hash: blocks.at(-1)!.hash }), read: async (from, to) => blocks.slice(from, to + 1) };
}

/** Records in files, as an archive holds them. */
function fileRecords(dir: string, entries: number): RecordSource {
  const countOf = (topic: string, partition: number) => (topic === 'audit-log' ? entries : topic === 'bci-intent' ? Math.ceil((entries - partition) / PARTITIONS) : 0);
  return {
    bounds: async (topic, partition) => ({ from: 0n, to: BigInt(countOf(topic, partition)) }),
    async *read(topic, partition, from, to) {
      if (to <= from) return;
      for await (const frames of readFrames(fileOf(dir, `${topic}/${partition}`), prefixedLength)) {
        for (const { bytes } of frames) {
          const record = decodeRecord(topic, partition, bytes);
          if (record.offset >= from && record.offset < to) yield record;
        }
      }
    },
    close: async () => undefined,
  };
}

function fileOf(dir: string, place: string): string {
  return join(dir, place.replace('/', '-'));
}

function put(dir: string, path: string, bytes: Buffer): void {
  const file = join(dir, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
}
