/** What a commit replaces: head, place in the topic and right edge, in one file with a checksum. */
import { hash } from 'node:crypto';
import { AtsError } from '#libs/errors';
import { HASH_BYTES, leafHashInto } from '../rfc6962.js';
import { decodeEntryBundle } from '../tlog-tiles.js';
import { edgeWidths, RightEdge } from './right-edge.js';

export interface State {
  readonly edge: RightEdge;
  /** Offset of the topic to read on from. */
  readonly nextOffset: bigint;
  /** Size of the newest published checkpoint when this was written: a lower bound. */
  readonly published: number;
}

const SCHEMA = 'attestream/log-state/1';

/** One line of JSON, the hashes of the partial tiles from level 0 up, the partial entry bundle, SHA-256 of all before. */
export function encodeState({ edge, nextOffset, published }: State): Buffer {
  const line = JSON.stringify({ schema: SCHEMA, size: edge.size, root: edge.root.toString('hex'), nextOffset: String(nextOffset), published });
  const body = Buffer.concat([Buffer.from(`${line}\n`), ...edge.levels, edge.tail]);
  return Buffer.concat([body, hash('sha256', body, 'buffer')]);
}

/** @throws AtsError ATS_LOG_DAMAGED when it is not whole, or its parts contradict each other */
export function decodeState(bytes: Buffer, path: string): State {
  const damaged = (why: string): AtsError => new AtsError('ATS_LOG_DAMAGED', `${path}: ${why}`);
  const body = bytes.subarray(0, -HASH_BYTES);
  if (!hash('sha256', body, 'buffer').equals(bytes.subarray(-HASH_BYTES))) throw damaged('its checksum does not hold');
  const end = body.indexOf('\n');
  const header = JSON.parse(body.toString('utf8', 0, end)) as { schema: string; size: number; root: string; nextOffset: string; published: number };
  if (header.schema !== SCHEMA) throw damaged(`it is a ${header.schema}, not a ${SCHEMA}`);
  const widths = edgeWidths(header.size);
  const tailStart = end + 1 + HASH_BYTES * widths.reduce((sum, width) => sum + width, 0);
  const edge = RightEdge.of(header.size, body.subarray(end + 1, tailStart), body.subarray(tailStart));
  if (edge.root.toString('hex') !== header.root) throw damaged('the right edge has another root than the head');
  const leaf = Buffer.alloc(HASH_BYTES);
  for (const [i, entry] of decodeEntryBundle(edge.tail, edge.tailWidth).entries()) {
    leafHashInto(entry, leaf, 0);
    if (!leaf.equals(edge.levels[0]!.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES))) throw damaged(`entry ${edge.size - edge.tailWidth + i} has another hash than its leaf`);
  }
  return { edge, nextOffset: BigInt(header.nextOffset), published: header.published };
}
