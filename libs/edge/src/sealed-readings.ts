import { fieldFromText, fieldToBytes, type EventOf } from '#libs/events';
import { AtsError } from '#libs/errors';
import { commitmentOf, KIND, readingsDigest } from '#libs/proofs';
import { openSealed, sealedAad, sealTo, type SealedPayload } from '#libs/sealed';

/** What the household alone reads: the sixteen values in the stream's unit, and the salt of their commitment. */
export interface OpenedReadings { readings: number[]; salt: bigint }

/** Seals readings and salt to the household, bound to their pseudonym, stream and epoch. The plaintext is JSON: `{"readings":[...],"salt":"decimal"}`. */
export function sealReadings({ publicKey, pseudonym, stream, epoch, readings, salt }:
{ publicKey: Uint8Array; pseudonym: Uint8Array; stream: string; epoch: number; readings: readonly number[]; salt: bigint }): Promise<SealedPayload> {
  // every number takes ten places, so that the length tells nothing
  const values = readings.map((reading) => String(reading).padStart(10)).join(',');
  const plaintext = Buffer.from(`{"readings":[${values}],"salt":"${salt.toString().padStart(77, '0')}"}`);
  return sealTo({ publicKey, plaintext, aad: sealedAad({ pseudonym, stream, epoch }) });
}

/**
 * The readings behind a telemetry event, for their owner. They are the ones that the proof is about: the commitment is checked.
 * @throws AtsError ATS_SEALED_UNREADABLE when the key is another or the payload is not what was committed to.
 */
export async function openReadings(event: EventOf<'telemetry'>, privateKey: Uint8Array): Promise<OpenedReadings> {
  const { pseudonym, stream, epoch, sealed, commitment } = event;
  const plaintext = await openSealed({ privateKey, sealed, aad: sealedAad({ pseudonym, stream, epoch }) });
  const opened = parse(plaintext);
  const digest = readingsDigest({ kind: KIND.telemetry, stream: fieldFromText(stream), epoch: BigInt(epoch), values: opened.readings.map(BigInt) });
  if (!fieldToBytes(commitmentOf(digest, opened.salt)).equals(commitment)) {
    throw new AtsError('ATS_SEALED_UNREADABLE', 'it opens, but to other readings than the proof commits to', { todo: 'Ask the household\'s agent what it sealed.' });
  }
  return opened;
}

function parse(plaintext: Buffer): OpenedReadings {
  try {
    const { readings, salt } = JSON.parse(plaintext.toString('utf8')) as { readings: number[]; salt: string };
    return { readings: readings.map(Number), salt: BigInt(salt) };
  } catch (cause) {
    throw new AtsError('ATS_SEALED_UNREADABLE', 'it opens, but not to readings', { cause });
  }
}
