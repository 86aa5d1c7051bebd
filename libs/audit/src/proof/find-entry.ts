import { isAtsError } from '#libs/errors';
import { decodeEntryBundle, TILE_WIDTH, tileWidth, type TileSource } from '#libs/log';
import { decodeEntry } from '../entry.js';
import type { EventPlace } from './event-place.js';

export interface FoundEntry { index: number; entry: Buffer }

interface OfPartition extends FoundEntry { offset: number }

/**
 * The entry of a source record in the first `size` entries of a log; undefined when there is none. Entries of one source partition stand in offset
 * order, so that bundles are searched by halves: about log2 of their number is read, more only where the partition is rare.
 */
export async function findEntry(tiles: TileSource, size: number, place: EventPlace): Promise<FoundEntry | undefined> {
  let low = 0;
  let high = Math.ceil(size / TILE_WIDTH); // the bundle is in [low, high)
  while (low < high) {
    const middle = (low + high) >>> 1;
    const [bundle, entries] = await firstWithPartition(tiles, size, place, middle, high);
    if (entries.length === 0 || place.offset < entries[0]!.offset) high = middle;
    else if (place.offset > entries.at(-1)!.offset) low = bundle + 1;
    else return entries.find(({ offset }) => offset === place.offset);
  }
  return undefined;
}

async function firstWithPartition(tiles: TileSource, size: number, place: EventPlace, from: number, to: number): Promise<[bundle: number, entries: OfPartition[]]> {
  for (let bundle = from; bundle < to; bundle++) {
    const width = tileWidth(0, bundle, size);
    const entries = decodeEntryBundle(await tiles.entries(bundle, width), width);
    const own = entries.map((entry, i) => ofPartition(entry, bundle * TILE_WIDTH + i, place)).filter((entry) => entry !== undefined);
    if (own.length > 0) return [bundle, own];
  }
  return [to, []];
}

function ofPartition(entry: Buffer, index: number, { topic, partition }: EventPlace): OfPartition | undefined {
  try {
    const said = decodeEntry(entry);
    return said.topic === topic && said.partition === partition ? { index, entry, offset: said.offset } : undefined;
  } catch (error) {
    // A log that succeeds another begins with that one's last checkpoint.
    if (isAtsError(error, 'ATS_EVENT_MALFORMED')) return undefined;
    throw error;
  }
}
