import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { AtsError } from '#libs/errors';

export const MANIFEST_FILE = 'manifest.json';
/** Of a topic. All up to the highest are looked at: a number that somebody made up must not take the auditor's memory. */
const MOST_PARTITIONS = 10_000;

const decimal = z.string().regex(/^(0|[1-9]\d{0,18})$/);
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const path = z.string().regex(/^(?!\/)(?!.*\.\.)[\x21-\x7e]+$/);

const manifestSchema = z.strictObject({
  schema: z.literal('attestream/archive/1'),
  createdAt: z.string(),
  log: z.strictObject({ origin: z.string(), size: z.int().nonnegative(), root: hash }),
  /** Leaves whose records are here, [from, to). */
  range: z.strictObject({ from: z.int().nonnegative(), to: z.int().nonnegative() }),
  /** The block whose hash proves the chain's part. */
  head: z.strictObject({ number: z.int().nonnegative(), hash: z.string().regex(/^0x[0-9a-f]{64}$/) }),
  partitions: z.array(z.strictObject({
    topic: z.string(), partition: z.int().nonnegative().lt(MOST_PARTITIONS), from: decimal, to: decimal,
    segments: z.array(z.strictObject({ file: path, from: decimal, records: z.int().positive() })),
  })),
  /** Schema ids that parameter sets list; files `schemas/ID.json`. */
  schemas: z.array(z.int().nonnegative()),
  /** Circuits whose verification keys parameter sets name; files `circuits/CIRCUIT/verification-key.json`. */
  circuits: z.array(z.string().regex(/^[a-z0-9]+$/)),
  /** What parameter sets name and nobody had at the time of the export. */
  missing: z.array(z.string()),
});

/** What an archive holds. */
export type ArchiveManifest = z.infer<typeof manifestSchema>;

/** @throws AtsError ATS_ARCHIVE_INVALID */
export function readManifest(dir: string): ArchiveManifest {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(join(dir, MANIFEST_FILE), 'utf8'));
  } catch (cause) {
    throw new AtsError('ATS_ARCHIVE_INVALID', `${join(dir, MANIFEST_FILE)}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  const parsed = manifestSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new AtsError('ATS_ARCHIVE_INVALID', `${MANIFEST_FILE}: ${issue?.path.join('.') || 'the document'}: ${issue?.message ?? 'invalid'}`);
}
