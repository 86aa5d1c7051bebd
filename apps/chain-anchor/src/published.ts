import { AtsError } from '#libs/errors';
import { openCheckpoint, type LogStore, type NoteSigner } from '#libs/log';

/**
 * Size of the published checkpoint, 0 without one. It must be of this origin and of this key: whoever signs goes on from it.
 * @throws AtsError ATS_CHECKPOINT_FOREIGN, ATS_NOTE_UNVERIFIED, ATS_NOTE_MALFORMED, ATS_CHECKPOINT_MALFORMED
 */
export function publishedSize({ origin, checkpoint }: Pick<LogStore, 'origin' | 'checkpoint'>, signer: NoteSigner): number {
  if (signer.name !== origin) throw new AtsError('ATS_CHECKPOINT_FOREIGN', `the log is of ${origin}, the key of ${signer.name}`);
  if (!checkpoint) return 0;
  // Ed25519 is deterministic (RFC 8032): the signature that holds is the one that we would make.
  const verifier = { name: signer.name, keyId: signer.keyId, verify: (message: Buffer, signature: Buffer) => signer.sign(message).equals(signature) };
  return openCheckpoint(checkpoint, verifier).size;
}
