import { z } from 'zod';
import { HASH_BYTES } from '#libs/log';

/** What a proof file carries beside the proof, in its `extra` line: nothing of it is believed, all of it is checked. */
export interface ProofExtra {
  /** The entry's bytes. */
  entry: Buffer;
  /** RFC 6962 consistency from a head that stood on chain when the file was written to the file's checkpoint. */
  anchor?: { size: number; consistency: Buffer[] } | undefined;
}

const base64 = z.base64().transform((text) => Buffer.from(text, 'base64'));
const extraSchema = z.strictObject({
  entry: base64,
  anchor: z.strictObject({ size: z.int().positive(), consistency: z.array(base64.refine(({ length }) => length === HASH_BYTES)).max(64) }).optional(),
});

/** JSON: `{"entry": base64, "anchor": {"size": n, "consistency": [base64, ...]}}`. */
export function encodeExtra({ entry, anchor }: ProofExtra): Buffer {
  return Buffer.from(JSON.stringify({
    entry: entry.toString('base64'),
    ...(anchor && { anchor: { size: anchor.size, consistency: anchor.consistency.map((hash) => hash.toString('base64')) } }),
  }));
}

/** Undefined when it is not ours: then the entry has to come from elsewhere. */
export function decodeExtra(extra: Buffer | undefined): ProofExtra | undefined {
  try {
    return extraSchema.safeParse(JSON.parse(extra?.toString('utf8') ?? '')).data;
  } catch {
    return undefined;
  }
}
