import { AtsError } from '#libs/errors';
import { consistencyProof, formatProof, inclusionProof, leafHash, noteVerifier, openCheckpoint, parseCheckpoint, parseNote, verifyInclusion, type TileSource, type TreeHead } from '#libs/log';
import type { LogSource } from '../sources.js';
import { placeText, type EventPlace } from './event-place.js';
import { findEntry } from './find-entry.js';
import { encodeExtra } from './proof-extra.js';

export interface MakeProofParameters {
  index: number;
  /** The entry's bytes: they go into the file, so that it needs nothing beside it. */
  entry: Buffer;
  /** The signed note. */
  checkpoint: Buffer;
  tiles: TileSource;
  /** A head of the same log that stands on chain, not above the checkpoint's size. */
  anchored?: TreeHead | undefined;
}

/**
 * A `.tlog-proof` file (c2sp.org/tlog-proof) for an entry of a log.
 * @throws AtsError ATS_LOG_RANGE when the checkpoint's tree has no such entry; ATS_TLOG_PROOF_FAILED when the tiles do not prove this entry
 */
export async function makeProof({ index, entry, checkpoint, tiles, anchored }: MakeProofParameters): Promise<Buffer> {
  const { size, root, origin } = parseCheckpoint(parseNote(checkpoint).text);
  const proof = await inclusionProof(index, size, tiles);
  if (!verifyInclusion({ leafHash: leafHash(entry), index, size, root, proof })) {
    throw new AtsError('ATS_TLOG_PROOF_FAILED', `the tiles of ${origin} do not lead from entry ${index} to the root of its checkpoint of size ${size}`, { todo: 'The log is damaged or another than its checkpoint: audit it.' });
  }
  const anchor = anchored && anchored.size <= size ? { size: anchored.size, consistency: await consistencyProof(anchored.size, size, tiles) } : undefined;
  return formatProof({ index, proof, checkpoint, extra: encodeExtra({ entry, anchor }) });
}

/**
 * The proof of a source record's entry under the log's present checkpoint.
 * @throws AtsError ATS_EVENT_NOT_LOGGED; those of {@link makeProof} and of the note
 */
export async function proveEvent({ place, log, vkey, anchored }: { place: EventPlace; log: LogSource; vkey: string; anchored?: TreeHead | undefined }): Promise<{ file: Buffer; index: number; size: number; origin: string; entry: Buffer }> {
  const checkpoint = await log.checkpoint();
  const { size, origin } = openCheckpoint(checkpoint, noteVerifier(vkey));
  const found = await findEntry(log.tiles, size, place);
  if (found === undefined) throw new AtsError('ATS_EVENT_NOT_LOGGED', `${placeText(place)} is not among the ${size} entries of ${origin}`);
  return { file: await makeProof({ ...found, checkpoint, tiles: log.tiles, anchored }), ...found, size, origin };
}
