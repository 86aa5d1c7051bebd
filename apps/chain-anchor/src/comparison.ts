import { AtsError, isAtsError } from '#libs/errors';
import { CompactTree, decodeEntryBundle, HASH_BYTES, leafHash, TILE_WIDTH, type LogStore } from '#libs/log';
import type { AuditTopic } from './audit-topic.js';
import { TreeRebuild, type TreeFile } from './tree-rebuild.js';

/** The newest record that the log holds. */
export interface Newest {
  readonly offset: bigint;
  readonly leafHash: Buffer;
}

export interface CompareParameters {
  store: Pick<LogStore, 'head' | 'firstIndex' | 'firstOffset' | 'nextOffset' | 'tiles'>;
  topic: Pick<AuditTopic, 'begin' | 'end' | 'read'>;
  onProgress?: (compared: number, size: number) => void;
  signal?: AbortSignal;
}

/**
 * Holds the whole log against the topic: every tile and entry bundle is made again from the topic's records and compared byte for byte with the store's.
 * Nothing may be signed before it has returned. Returns the newest record of the log, undefined when it has none.
 * @throws AtsError ATS_LOG_GAP when the topic lacks records that the log has; ATS_LOG_DIVERGED when it has others; ATS_LOG_DAMAGED when the topic
 * agrees with the log's root and a file of the store does not; what the topic and the store throw
 */
export async function compareLog({ store, topic, onProgress, signal }: CompareParameters): Promise<Newest | undefined> {
  const { head: { size, root }, firstIndex, firstOffset, nextOffset, tiles } = store;
  if (size === firstIndex) return undefined;
  const [begin, end] = [await topic.begin(), await topic.end()];
  if (begin > firstOffset) throw gap(`it begins at offset ${begin}, the log's first record has ${firstOffset}`);
  if (end < nextOffset) throw gap(`it ends at offset ${end}, the log goes on to ${nextOffset}`);

  const tree = new CompactTree();
  const rebuild = new TreeRebuild();
  let differing: string | undefined;
  let newest: Newest | undefined;
  const compare = async (files: readonly TreeFile[]): Promise<void> => {
    for (const file of files) differing ??= await difference(file, tiles);
  };
  const add = async (entry: Buffer): Promise<Buffer> => {
    const leaf = leafHash(entry);
    tree.append(leaf);
    await compare(rebuild.add(entry));
    return leaf;
  };

  // entry 0 of a log that succeeds another is the predecessor's checkpoint and stands in no topic
  if (firstIndex > 0) {
    const width = Math.min(size, TILE_WIDTH);
    for (const entry of decodeEntryBundle(await tiles.entries(0, width), width).slice(0, firstIndex)) await add(entry);
  }
  for await (const { offset, value } of topic.read(firstOffset, nextOffset)) {
    signal?.throwIfAborted();
    if (tree.size === size) throw new AtsError('ATS_LOG_DIVERGED', `audit-log has a record at offset ${offset} where the log of size ${size} has none`);
    newest = { offset, leafHash: await add(value ?? Buffer.alloc(0)) };
    if (tree.size % 1_000 === 0) onProgress?.(tree.size, size);
  }
  if (tree.size < size) throw gap(`it has ${tree.size - firstIndex} records up to offset ${nextOffset}, the log has ${size - firstIndex}`);
  await compare(rebuild.rest());
  if (!tree.root().equals(root)) {
    throw new AtsError('ATS_LOG_DIVERGED', `audit-log has root ${tree.root().toString('hex')} for size ${size}, the log ${root.toString('hex')}; first difference: ${differing ?? 'none on disk'}`);
  }
  if (differing !== undefined) throw new AtsError('ATS_LOG_DAMAGED', `${differing}; audit-log and the log's root agree`);
  return newest;
}

/** Where a file of the store is not what it must be; undefined when it is. */
async function difference({ level, index, width, bytes }: TreeFile, tiles: LogStore['tiles']): Promise<string | undefined> {
  let stored: Buffer;
  try {
    stored = level === 'entries' ? await tiles.entries(index, width) : await tiles.tile(level, index, width);
  } catch (error) {
    if (isAtsError(error, 'ATS_TILE_MISSING') || isAtsError(error, 'ATS_TILE_CORRUPT')) return error.message;
    throw error;
  }
  if (stored.equals(bytes)) return undefined;
  if (level === 0) {
    const at = Array.from({ length: width }, (_, i) => i * HASH_BYTES).find((from) => !stored.subarray(from, from + HASH_BYTES).equals(bytes.subarray(from, from + HASH_BYTES))) ?? 0;
    return `leaf ${index * TILE_WIDTH + at / HASH_BYTES}`;
  }
  return level === 'entries' ? `the entry bundle ${index} of ${width}` : `the tile ${index} of level ${level}`;
}

function gap(why: string): AtsError {
  return new AtsError('ATS_LOG_GAP', `audit-log: ${why}`);
}
