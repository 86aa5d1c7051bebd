/** c2sp.org/tlog-tiles: where tiles and entry bundles lie, how wide they are and how a bundle is encoded. */
import { AtsError } from '#libs/errors';
import { HASH_BYTES, leafHashInto } from './rfc6962.js';

/** Hashes of a full tile, entries of a full bundle. */
export const TILE_WIDTH = 256;
/** Heights of the tree that one level of tiles spans. */
export const TILE_HEIGHT = 8;
/** A length prefix of 16 bits ends here. */
export const MAX_ENTRY_BYTES = 0xffff;
const MAX_LEVEL = 63;

/** The raw bytes of tiles and entry bundles. Width 1 to 256: what the tree of the reader's size has there. */
export interface TileSource {
  /**
   * `32 * width` bytes.
   * @throws AtsError ATS_TILE_MISSING when it is not there, ATS_TILE_CORRUPT when it cannot be one, ATS_LOG_UNREACHABLE when nothing answers
   */
  tile(level: number, index: number, width: number): Promise<Buffer>;
  /** An encoded bundle of `width` entries; throws as {@link tile} does. */
  entries(index: number, width: number): Promise<Buffer>;
}

/** `tile/1/x001/x234/067` or `tile/0/000.p/112`. */
export function tilePath(level: number, index: number, width: number): string {
  if (!Number.isInteger(level) || level < 0 || level > MAX_LEVEL) throw new RangeError(`no tile level ${level}`);
  return `tile/${level}/${indexPath(index, width)}`;
}

/** `tile/entries/x001/x234/067` or `tile/entries/000.p/112`. */
export function entriesPath(index: number, width: number): string {
  return `tile/entries/${indexPath(index, width)}`;
}

function indexPath(index: number, width: number): string {
  if (!Number.isSafeInteger(index) || index < 0) throw new RangeError(`no tile index ${index}`);
  if (!Number.isInteger(width) || width < 1 || width > TILE_WIDTH) throw new RangeError(`no tile width ${width}`);
  let path = String(index % 1000).padStart(3, '0');
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) path = `x${String(rest % 1000).padStart(3, '0')}/${path}`;
  return width === TILE_WIDTH ? path : `${path}.p/${width}`;
}

const place = /^tile\/(?:(entries)|(0|[1-9]\d?))\/((?:x\d{3}\/)*\d{3})(?:\.p\/([1-9]\d{0,2}))?$/;

/** What a path of this spec names, or undefined when it is none: one path a tile, no other spelling. */
export function parseTilePath(path: string): { kind: 'tile' | 'entries'; level: number; index: number; width: number } | undefined {
  const match = place.exec(path);
  if (!match) return undefined;
  const [, entries, digits = '0', number, partial] = match;
  const level = Number(digits);
  const index = Number(number!.replaceAll(/[x/]/g, ''));
  const width = partial === undefined ? TILE_WIDTH : Number(partial);
  if (level > MAX_LEVEL || !Number.isSafeInteger(index) || (partial !== undefined && width === TILE_WIDTH) || width > TILE_WIDTH) return undefined;
  // x000/001 would be a second name of 001
  if (indexPath(index, TILE_WIDTH) !== number) return undefined;
  return { kind: entries ? 'entries' : 'tile', level, index, width };
}

/** Hashes that the tile at (level, index) has in a tree of `size` leaves: 0 to 256. For entry bundles, level 0. */
export function tileWidth(level: number, index: number, size: number): number {
  return Math.max(0, Math.min(TILE_WIDTH, Math.floor(size / TILE_WIDTH ** level) - index * TILE_WIDTH));
}

/** Entries, each behind its length in two bytes, big-endian. Throws a RangeError for one above 65,535 bytes. */
export function encodeEntryBundle(entries: readonly Uint8Array[]): Buffer {
  let bytes = 0;
  for (const { length } of entries) {
    if (length > MAX_ENTRY_BYTES) throw new RangeError(`an entry of ${length} bytes; ${MAX_ENTRY_BYTES} is the most`);
    bytes += 2 + length;
  }
  const bundle = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const entry of entries) {
    at = bundle.writeUInt16BE(entry.length, at);
    bundle.set(entry, at);
    at += entry.length;
  }
  return bundle;
}

/** The `width` entries of a bundle, as views of it. @throws AtsError ATS_TILE_CORRUPT when it holds fewer, more or half an entry */
export function decodeEntryBundle(bytes: Buffer, width: number): Buffer[] {
  const entries: Buffer[] = [];
  let at = 0;
  while (entries.length < width && at + 2 <= bytes.length) {
    const start = at + 2;
    at = start + bytes.readUInt16BE(at);
    entries.push(bytes.subarray(start, at));
  }
  if (entries.length !== width || at !== bytes.length) throw new AtsError('ATS_TILE_CORRUPT', `an entry bundle of ${bytes.length} bytes is not ${width} entries`);
  return entries;
}

/** The level-0 tile of these entries. */
export function leafTile(entries: readonly Uint8Array[]): Buffer {
  const tile = Buffer.allocUnsafe(entries.length * HASH_BYTES);
  for (let i = 0; i < entries.length; i++) leafHashInto(entries[i]!, tile, i * HASH_BYTES);
  return tile;
}
