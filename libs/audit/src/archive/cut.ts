import { anchoredHead, finalizedHead, logIdOf, type BlockId, type Deployment, type JsonRpc } from '#libs/chain';
import { AtsError, isAtsError } from '#libs/errors';
import { TOPICS } from '#libs/events';
import { decodeEntryBundle, noteVerifier, openCheckpoint, TILE_WIDTH, tileWidth, type Checkpoint, type TileSource } from '#libs/log';
import { SOURCE_TOPICS } from '#libs/verdict';
import { decodeEntry } from '../entry.js';
import type { LogSource, RecordSource } from '../sources.js';

/** A log that is anchored while it is being fetched is fetched again this often. */
const ATTEMPTS = 5;

export interface Bounds { topic: string; partition: number; from: bigint; to: bigint }
export interface Cut { checkpoint: Checkpoint & { note: Buffer }; bounds: Bounds[]; head: BlockId }

/**
 * What an archive holds, fixed before anything is copied while everything grows: the checkpoint, then the ends of the topics, which have the records of its
 * entries, then the finalized head, which has the blocks of those records. When the chain has a newer head of the log by then, all of it again.
 * @throws AtsError of the checkpoint's note, ATS_CHAIN_WRONG, ATS_LOG_RANGE when the chain stays ahead of the log
 */
export async function takeCut({ records, log, vkey, rpc, deployment }: { records: RecordSource; log: LogSource; vkey: string; rpc: JsonRpc; deployment: Deployment }): Promise<Cut> {
  const verifier = noteVerifier(vkey);
  for (let attempt = 1; ; attempt++) {
    const checkpoint = openCheckpoint(await log.checkpoint(), verifier);
    const bounds = await boundsOf(records);
    const { number, hash } = await finalizedHead(rpc, deployment);
    const anchored = await anchoredHead({ rpc, deployment, logId: logIdOf(checkpoint.origin), block: { blockHash: hash } });
    if (anchored === undefined || anchored.size <= checkpoint.size) return { checkpoint, bounds, head: { number, hash } };
    if (attempt === ATTEMPTS) {
      throw new AtsError('ATS_LOG_RANGE', `${checkpoint.origin} is published with ${checkpoint.size} entries, the chain has ${anchored.size}`, { todo: 'The log was cut or is an old copy: audit it.' });
    }
  }
}

/** Every partition that a topic has, those too that were added to it: what is sent there has to have its entry as well. */
export async function boundsOf(records: Pick<RecordSource, 'partitions' | 'bounds'>): Promise<Bounds[]> {
  const bounds: Bounds[] = [];
  for (const topic of [...SOURCE_TOPICS, 'audit-log'] as const) {
    const partitions = Math.max(TOPICS[topic].partitions, await records.partitions(topic));
    for (let partition = 0; partition < partitions; partition++) bounds.push({ topic, partition, ...await records.bounds(topic, partition) });
  }
  return bounds;
}

/** The records of the entries [from, to) alone. Ranges that adjoin have bounds that adjoin, so that no record falls between two archives. */
export async function boundsOfRange(tiles: TileSource, size: number, { from, to }: { from: number; to: number }, all: readonly Bounds[]): Promise<Bounds[]> {
  if (from >= to || from > size) throw new AtsError('ATS_LOG_RANGE', `entries ${from} to ${to} of a log with ${size}`);
  const before = new Map<string, number>(); // place -> offset behind the last that an entry below the leaf names
  let starts: ReadonlyMap<string, number> = new Map();
  const end = Math.min(to, size);
  for (let bundle = 0; bundle * TILE_WIDTH < end; bundle++) {
    const width = tileWidth(0, bundle, size);
    for (const [i, bytes] of decodeEntryBundle(await tiles.entries(bundle, width), width).entries()) {
      const leaf = bundle * TILE_WIDTH + i;
      if (leaf === from) starts = new Map(before);
      if (leaf >= end) break;
      const entry = entryOrNothing(bytes);
      if (entry === undefined) continue;
      const place = `${entry.topic}/${entry.partition}`;
      before.set(place, Math.max(before.get(place) ?? 0, entry.offset + 1));
    }
  }
  if (from === end) starts = new Map(before);
  return all.map((bounds) => {
    if (bounds.topic === 'audit-log') return bounds;
    const place = `${bounds.topic}/${bounds.partition}`;
    const at = (offset: number | undefined) => (offset === undefined ? bounds.from : BigInt(offset));
    return { ...bounds, from: from === 0 ? bounds.from : at(starts.get(place)), to: to >= size ? bounds.to : at(before.get(place)) };
  });
}

function entryOrNothing(bytes: Buffer) {
  try {
    return decodeEntry(bytes);
  } catch (error) {
    if (isAtsError(error, 'ATS_EVENT_MALFORMED')) return undefined;
    throw error;
  }
}
