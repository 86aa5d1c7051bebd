/** c2sp.org/tlog-witness, the log's side: checkpoints go to witnesses by add-checkpoint, their cosignatures come back. */
import { AtsError } from '#libs/errors';
import { boundedFetch, urlBelow, type Answer } from './bounded-fetch.js';
import { parseNote, parseSignatureLine, sameKey, signatureLine, type NoteSignature, type NoteVerifier } from './signed-note.js';
import { parseCheckpoint } from './tlog-checkpoint.js';
import { cosignatureTime } from './tlog-cosignature.js';
import { fromDecimal, fromUtf8, quoted } from './text.js';

export interface AddCheckpointParameters {
  /** The witness's submission prefix. */
  url: string;
  /** Size of the checkpoint that the witness cosigned last, as far as is known; 0 finds out. */
  oldSize: number;
  /** Consistency proof from a size that the witness names to the checkpoint's. */
  proof: (from: number) => Promise<readonly Buffer[]>;
  /** The signed note. */
  checkpoint: Buffer;
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** The spec's bound for a proof; and an answer holds few lines. */
const MAX_HASHES = 63;
const MAX_ANSWER_BYTES = 256 * 1024;
/** One refusal tells the size. More than that: another process sends checkpoints as well. */
const MOST_CONFLICTS = 3;

/**
 * Cosignature lines, each with its newline, as the witness sent them: whose they are and whether they hold is not looked at
 * ({@link WitnessClient} does). A 409 that names another size is answered with the proof from there.
 * @throws AtsError ATS_WITNESS_UNREACHABLE when nothing answers or an error of the server's own; ATS_WITNESS_AHEAD when the witness cosigned a
 * larger tree; ATS_WITNESS_REFUSED with the reason of the status; ATS_WITNESS_INVALID for an answer that is none; what `proof` throws
 */
export async function addCheckpoint(parameters: AddCheckpointParameters): Promise<string[]> {
  const { checkpoint, proof } = parameters;
  const url = urlBelow(parameters.url, 'add-checkpoint');
  const { origin, size } = parseCheckpoint(parseNote(checkpoint).text);
  let { oldSize } = parameters;
  if (oldSize > size) throw ahead(url, oldSize, size);
  for (let conflicts = 0; ; conflicts++) {
    const hashes = oldSize === 0 ? [] : await proof(oldSize);
    if (hashes.length > MAX_HASHES) throw new RangeError(`a proof of ${hashes.length} hashes`);
    const answer = await post(url, parameters, Buffer.concat([Buffer.from([`old ${oldSize}`, ...hashes.map((hash) => hash.toString('base64')), '', ''].join('\n')), checkpoint]));
    if (answer.status === 200) return cosignatureLines(url, answer);
    if (answer.status !== 409) throw refusal(url, answer, origin, oldSize);
    const known = conflictSize(url, answer);
    if (known > size) throw ahead(url, known, size);
    if (known === oldSize || conflicts === MOST_CONFLICTS) throw invalid(url, `it refuses old size ${oldSize} and names ${known}`);
    oldSize = known;
  }
}

/** One witness of a log: sends checkpoints with the proof from what it cosigned last, and believes only cosignatures of its keys that hold. */
export class WitnessClient {
  #oldSize = 0;
  readonly #options: { url: string; verifiers: readonly NoteVerifier[]; timeoutMs?: number };

  /** `verifiers`: the witness's keys, from `cosignatureVerifier`. */
  constructor(options: { url: string; verifiers: readonly NoteVerifier[]; timeoutMs?: number }) {
    this.#options = options;
  }

  /** Size of the checkpoint that the witness cosigned last for us; 0 when not known. */
  get oldSize(): number {
    return this.#oldSize;
  }

  /**
   * Its cosignatures of this checkpoint, verified.
   * @throws AtsError as {@link addCheckpoint} does; ATS_WITNESS_INVALID as well when none of its keys signed or a signature does not hold
   */
  async cosign(checkpoint: Buffer, proof: AddCheckpointParameters['proof'], signal?: AbortSignal): Promise<NoteSignature[]> {
    const { url, verifiers, timeoutMs } = this.#options;
    const text = parseNote(checkpoint).text;
    const { size } = parseCheckpoint(text);
    const send = (oldSize: number) => addCheckpoint({ url, oldSize, proof, checkpoint, ...(timeoutMs && { timeoutMs }), ...(signal && { signal }) });
    // What is remembered may be of a witness that has lost or changed its memory: its own word decides.
    const lines = await send(this.#oldSize <= size ? this.#oldSize : 0);
    const message = Buffer.from(text);
    const cosignatures = lines.map((line) => parseSignatureLine(line.slice(0, -1))!).filter((signature) => {
      const verifier = verifiers.find((known) => sameKey(known, signature));
      if (verifier && (!verifier.verify(message, signature.signature) || cosignatureTime(signature.signature) === 0n)) {
        throw invalid(new URL(url), `its cosignature as ${signature.name} does not hold or has no time`);
      }
      return verifier !== undefined;
    });
    if (cosignatures.length === 0) throw invalid(new URL(url), 'none of its keys signed');
    this.#oldSize = size;
    return cosignatures;
  }
}

/** The note with more signature lines; a key that signed it already is replaced, as its newer cosignature says more. */
export function addSignatures(note: Buffer, signatures: readonly NoteSignature[]): Buffer {
  const { text, signatures: present } = parseNote(note);
  const kept = present.filter((signature) => !signatures.some((newer) => sameKey(newer, signature)));
  return Buffer.from(`${text}\n${[...kept, ...signatures].map(signatureLine).join('')}`);
}

async function post(url: URL, { timeoutMs = 10_000, signal }: AddCheckpointParameters, body: Buffer): Promise<Answer> {
  try {
    return await boundedFetch(url, { method: 'POST', body, headers: { 'content-type': 'text/plain; charset=utf-8' }, maxBytes: MAX_ANSWER_BYTES, timeoutMs, signal });
  } catch (cause) {
    signal?.throwIfAborted();
    throw new AtsError('ATS_WITNESS_UNREACHABLE', `${url.href}: ${(cause as Error).message}`, { cause });
  }
}

function cosignatureLines(url: URL, { body }: Answer): string[] {
  const lines = fromUtf8(body)?.split('\n') ?? [];
  if (lines.pop() !== '' || lines.length === 0) throw invalid(url, 'its answer is not signature lines');
  for (const line of lines) if (!parseSignatureLine(line)) throw invalid(url, `${quoted(line)} is no signature line`);
  return lines.map((line) => `${line}\n`);
}

function conflictSize(url: URL, { body, headers }: Answer): number {
  const text = body.toString('latin1');
  const size = text.endsWith('\n') ? fromDecimal(text.slice(0, -1)) : undefined;
  if (size === undefined || headers.get('content-type') !== 'text/x.tlog.size') throw invalid(url, `a 409 with ${quoted(text)} and no size`);
  return size;
}

/** What each status of the spec says about us. */
const reasons: Record<number, string> = {
  400: 'it cannot read the request',
  403: 'it trusts no key that signed the checkpoint',
  404: 'it does not know this log',
  422: 'the tree is no extension of the one that it cosigned',
};

function refusal(url: URL, { status, body }: Answer, origin: string, oldSize: number): AtsError {
  const said = body.length === 0 ? '' : ` (${quoted(body.toString('latin1').trim())})`;
  if (status >= 500 || status === 429) return new AtsError('ATS_WITNESS_UNREACHABLE', `${url.href}: HTTP ${status}${said}`);
  const reason = reasons[status];
  if (reason === undefined) return invalid(url, `HTTP ${status}${said}`);
  return new AtsError('ATS_WITNESS_REFUSED', `${url.href}: HTTP ${status}: ${reason}: ${origin} from size ${oldSize}${said}`);
}

const ahead = (url: URL, known: number, size: number): AtsError => new AtsError('ATS_WITNESS_AHEAD', `${url.href} cosigned size ${known}, this checkpoint has ${size}`);
const invalid = (url: URL, why: string): AtsError => new AtsError('ATS_WITNESS_INVALID', `${url.href}: ${why}`);
