/** c2sp.org/tlog-proof: a `.tlog-proof` file, which shows with no network that a log holds an entry. */
import { AtsError } from '#libs/errors';
import { HASH_BYTES, verifyInclusion } from './rfc6962.js';
import { openNote, type NoteKey, type NoteVerifier } from './signed-note.js';
import { parseCheckpoint, type Checkpoint } from './tlog-checkpoint.js';
import { fromBase64, fromDecimal, hashFromBase64, quoted } from './text.js';
import type { Policy } from './tlog-policy.js';

export interface TlogProof {
  readonly index: number;
  /** From the leaf's sibling up. */
  readonly proof: readonly Buffer[];
  /** The signed note, verbatim. */
  readonly checkpoint: Buffer;
  /** Opaque and authenticated by nothing. */
  readonly extra?: Buffer;
}

const HEADER = 'c2sp.org/tlog-proof@v1';
/** A tree of 2^63 leaves has no longer path. */
const MAX_HASHES = 63;

export function formatProof({ index, proof, checkpoint, extra }: TlogProof): Buffer {
  if (!Number.isSafeInteger(index) || index < 0 || proof.length > MAX_HASHES || proof.some(({ length }) => length !== HASH_BYTES) || extra?.length === 0) {
    throw new AtsError('ATS_TLOG_PROOF_MALFORMED', `index ${index} with ${proof.length} hashes`);
  }
  const lines = [HEADER, ...(extra ? [`extra ${extra.toString('base64')}`] : []), `index ${index}`, ...proof.map((hash) => hash.toString('base64')), ''];
  return Buffer.concat([Buffer.from(`${lines.join('\n')}\n`), checkpoint]);
}

/** What the file says, nothing of it verified. @throws AtsError ATS_TLOG_PROOF_MALFORMED; the checkpoint's own form is not looked at */
export function parseProof(bytes: Buffer): TlogProof {
  const end = bytes.indexOf('\n\n');
  if (end === -1) throw malformed('it has no empty line before a checkpoint');
  const lines = bytes.toString('latin1', 0, end).split('\n');
  if (lines.shift() !== HEADER) throw malformed(`its first line is not ${HEADER}`);
  let extra: Buffer | undefined;
  if (lines[0]?.startsWith('extra ')) {
    const line = lines.shift()!;
    extra = fromBase64(line.slice('extra '.length));
    if (!extra) throw malformed(`${quoted(line)} is no extra line`);
  }
  const line = lines.shift() ?? '';
  const index = line.startsWith('index ') ? fromDecimal(line.slice('index '.length)) : undefined;
  if (index === undefined) throw malformed(`${quoted(line)} is no index line`);
  if (lines.length > MAX_HASHES) throw malformed(`${lines.length} hashes; ${MAX_HASHES} is the most`);
  const proof = lines.map((text) => {
    const hash = hashFromBase64(text);
    if (!hash) throw malformed(`${quoted(text)} is no hash`);
    return hash;
  });
  return { index, proof, checkpoint: bytes.subarray(end + 2), ...(extra && { extra }) };
}

/**
 * The whole check of a file for an entry: the checkpoint is of one of the policy's logs and signed by it, enough of its witnesses cosigned
 * it, and the tree holds `leafHash` at the file's index.
 * @throws AtsError ATS_TLOG_PROOF_MALFORMED, ATS_TLOG_PROOF_FAILED, and those of `openCheckpoint`
 */
export function verifyProof(bytes: Buffer, leafHash: Buffer, policy: Policy): { index: number; checkpoint: Checkpoint; cosigners: NoteKey[]; extra?: Buffer } {
  const { index, proof, checkpoint: note, extra } = parseProof(bytes);
  const opened = openPolicyCheckpoint(note, policy);
  const { size, root } = opened.checkpoint;
  if (!verifyInclusion({ leafHash, index, size, root, proof })) {
    throw new AtsError('ATS_TLOG_PROOF_FAILED', `entry ${index} of ${opened.checkpoint.origin} at size ${size} is another one, or its hashes do not lead to the root`);
  }
  return { index, ...opened, ...(extra && { extra }) };
}

/** A checkpoint that a policy accepts. @throws AtsError as {@link verifyProof} does */
export function openPolicyCheckpoint(note: Buffer, policy: Policy): { checkpoint: Checkpoint; cosigners: NoteKey[] } {
  const witnesses: NoteVerifier[] = policy.witnesses.map(({ verifier }) => verifier);
  const { text, signatures } = openNote(note, [...policy.logs.map(({ verifier }) => verifier), ...witnesses]);
  const checkpoint = parseCheckpoint(text);
  const log = policy.logs.find(({ verifier }) => verifier.name === checkpoint.origin && signatures.some((by) => by.name === verifier.name && by.keyId === verifier.keyId));
  if (!log) throw new AtsError('ATS_CHECKPOINT_FOREIGN', `${checkpoint.origin} is not signed by a log of the policy with that origin`);
  if (!policy.satisfied(signatures)) throw new AtsError('ATS_TLOG_PROOF_FAILED', `${checkpoint.origin} at size ${checkpoint.size} lacks cosignatures that the policy wants`);
  const cosigners = signatures.filter((by) => witnesses.some(({ name, keyId }) => by.name === name && by.keyId === keyId)).map(({ name, keyId }) => ({ name, keyId }));
  return { checkpoint, cosigners };
}

const malformed = (why: string): AtsError => new AtsError('ATS_TLOG_PROOF_MALFORMED', why);
