/** Making a log: the whole folder, or nothing of it. */
import { randomBytes } from 'node:crypto';
import { dirname, join, resolve } from 'node:path';
import { AtsError } from '#libs/errors';
import { MAX_ENTRY_BYTES } from '../tlog-tiles.js';
import { errnoOf, storeError, type Disk } from './disk.js';
import { writeSynced } from './generations.js';
import { encodeIdentity } from './identity.js';
import { layoutOf } from './layout.js';
import { RightEdge } from './right-edge.js';
import { encodeState } from './state-file.js';

export interface CreateLogParameters {
  /** Absent or empty; the folder above it is there. */
  dir: string;
  origin: string;
  /** Entry 0 of a successor: the predecessor's last good checkpoint, the note's bytes. */
  firstEntry?: Buffer;
  /** Offset of the topic to read from. */
  firstOffset?: bigint;
}

/** @throws AtsError ATS_LOG_EXISTS when the folder holds something, ATS_LOG_MISSING when the one above it is not there, ATS_LOG_DISK_FULL, ATS_LOG_DISK_FAILED */
export async function createLog(disk: Disk, { dir: given, origin, firstEntry, firstOffset = 0n }: CreateLogParameters): Promise<void> {
  const dir = resolve(given);
  // Made under another name and renamed when it is whole and synced; of several makers one wins.
  const draft = layoutOf(`${dir}.${randomBytes(6).toString('hex')}.draft`);
  try {
    if (firstEntry && firstEntry.length > MAX_ENTRY_BYTES) throw new AtsError('ATS_LOG_ENTRY_TOO_LARGE', `entry 0 would have ${firstEntry.length}`);
    if ((await disk.list(dir)).length > 0) throw new AtsError('ATS_LOG_EXISTS', dir);
    for (const folder of [draft.dir, draft.state, draft.published, draft.staging, draft.public]) await disk.mkdir(folder);
    const { edge } = RightEdge.empty.append(firstEntry ? [firstEntry] : []);
    await writeSynced(disk, join(draft.state, '1'.padStart(16, '0')), encodeState({ edge, nextOffset: firstOffset, published: 0 }));
    await writeSynced(disk, draft.identity, encodeIdentity({ origin, firstIndex: edge.size, firstOffset }));
    for (const folder of [draft.state, draft.dir]) await disk.syncFolder(folder);
    await disk.rename(draft.dir, dir);
    await disk.syncFolder(dirname(dir));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOTEMPTY' || errno === 'EEXIST' || errno === 'ENOTDIR') throw new AtsError('ATS_LOG_EXISTS', dir, { cause: error });
    if (errno === 'ENOENT') throw new AtsError('ATS_LOG_MISSING', `no folder ${dirname(dir)} to make a log in`, { cause: error });
    throw storeError(error, dir);
  }
}
