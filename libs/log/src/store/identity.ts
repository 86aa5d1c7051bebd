/** Who a log is: `log.json`, written once, when the log is made. */
import { AtsError } from '#libs/errors';

export interface Identity {
  readonly origin: string;
  /** Index of the topic's first leaf: 1 behind a predecessor's checkpoint, else 0. */
  readonly firstIndex: number;
  /** Offset of the topic's first leaf, or the lowest that it can have. */
  readonly firstOffset: bigint;
}

const SCHEMA = 'attestream/log/1';

export function encodeIdentity({ origin, firstIndex, firstOffset }: Identity): Buffer {
  return Buffer.from(`${JSON.stringify({ schema: SCHEMA, origin, firstIndex, firstOffset: String(firstOffset) }, null, 2)}\n`);
}

/** @throws AtsError ATS_LOG_DAMAGED */
export function decodeIdentity(bytes: Buffer, path: string): Identity {
  try {
    const { schema, origin, firstIndex, firstOffset } = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
    if (schema === SCHEMA && typeof origin === 'string' && origin !== '' && (firstIndex === 0 || firstIndex === 1) && typeof firstOffset === 'string' && /^\d+$/.test(firstOffset)) {
      return { origin, firstIndex, firstOffset: BigInt(firstOffset) };
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new AtsError('ATS_LOG_DAMAGED', `${path} does not say whose log this is`);
}
