/** c2sp.org/tlog-checkpoint: a tree head as the text of a signed note. */
import { AtsError } from '#libs/errors';
import { EMPTY_ROOT, HASH_BYTES, type TreeHead } from './rfc6962.js';
import { openNote, parseNote, type NoteVerifier } from './signed-note.js';
import { fromDecimal, hashFromBase64, quoted } from './text.js';

export interface Checkpoint extends TreeHead {
  readonly origin: string;
  /** Lines after the root; opaque. */
  readonly extensions: readonly string[];
}

/** The text of a checkpoint, for `signNote`. @throws AtsError ATS_CHECKPOINT_MALFORMED when {@link parseCheckpoint} would not read it back */
export function formatCheckpoint({ origin, size, root, extensions = [] }: TreeHead & { origin: string; extensions?: readonly string[] }): string {
  if (root.length !== HASH_BYTES) throw new AtsError('ATS_CHECKPOINT_MALFORMED', `a root of ${root.length} bytes`);
  const text = [origin, String(size), root.toString('base64'), ...extensions, ''].join('\n');
  const read = parseCheckpoint(text);
  // a line with a newline in it would come back as two
  if (read.origin !== origin || read.extensions.length !== extensions.length) throw malformed(text);
  return text;
}

/** @throws AtsError ATS_CHECKPOINT_MALFORMED for any other spelling than the one that {@link formatCheckpoint} has */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split('\n');
  const [origin, size, root, ...extensions] = lines.slice(0, -1);
  const head = { size: fromDecimal(size ?? ''), root: hashFromBase64(root ?? '') };
  if (lines.at(-1) !== '' || !origin || head.size === undefined || !head.root || extensions.includes('')) throw malformed(text);
  if (head.size === 0 && !EMPTY_ROOT.equals(head.root)) throw malformed(text);
  return { origin, size: head.size, root: head.root, extensions };
}

/**
 * A checkpoint that `verifier`'s key signed; its origin is the key's name. Signatures of other keys are left aside.
 * @throws AtsError ATS_NOTE_MALFORMED, ATS_CHECKPOINT_MALFORMED, ATS_CHECKPOINT_FOREIGN for one of another origin, ATS_NOTE_UNVERIFIED
 */
export function openCheckpoint(note: Buffer, verifier: NoteVerifier): Checkpoint & { note: Buffer } {
  // The origin first: to somebody who mixed up two logs, it says more than an unknown key does. Nothing else of the text is told unverified.
  const [claimed] = parseNote(note).text.split('\n');
  if (claimed !== verifier.name) throw new AtsError('ATS_CHECKPOINT_FOREIGN', `of ${quoted(claimed ?? '')}, not of ${verifier.name}`);
  return { ...parseCheckpoint(openNote(note, [verifier]).text), note };
}

const malformed = (text: string): AtsError => new AtsError('ATS_CHECKPOINT_MALFORMED', quoted(text));
