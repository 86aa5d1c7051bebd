import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { AtsError } from '#libs/errors';
import { EMPTY_STATE, type AnchorState } from './state.js';

/** Whose work a journal holds. Hex is lower case. */
export interface JournalOwner { chainId: number; contract: string; logId: string; address: string }

/** Where the state lives between two lives of the worker. */
export interface Journal {
  /** The state that was written last, the empty one before the first. @throws AtsError ATS_ANCHOR_JOURNAL_DAMAGED, ATS_ANCHOR_JOURNAL_FOREIGN */
  read(): AnchorState;
  /** Durable when it returns. @throws AtsError ATS_ANCHOR_JOURNAL_UNWRITABLE; what is on disk then is the state before or this one. */
  write(state: AnchorState): void;
}

/** The system calls of a write, in their order: a test stops the process or fails the disk at each. */
export const JOURNAL_CALLS = { openSync, writeSync, fsyncSync, closeSync, renameSync };
export type JournalCalls = typeof JOURNAL_CALLS;

const FORMAT = 'attestream/anchor-journal/1';

/**
 * One small file of two lines: the state as JSON, then the SHA-256 of that line. Each write replaces it whole: written beside it, synced, renamed,
 * and the folder synced. A file that ends early or was altered is recognised and refused: what a pending transaction was must not be guessed.
 */
export class FileJournal implements Journal {
  constructor(readonly file: string, readonly owner: JournalOwner, readonly calls: JournalCalls = JOURNAL_CALLS) {}

  read(): AnchorState {
    let text: string;
    try {
      text = readFileSync(this.file, 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return EMPTY_STATE;
      throw this.#damaged(`it can't be read (${(cause as NodeJS.ErrnoException).code})`, cause);
    }
    const [line, digest, ...rest] = text.split('\n');
    if (line === undefined || digest === undefined || rest.length !== 1 || rest[0] !== '') throw this.#damaged(`it has ${text.length} characters and no end`);
    if (digestOf(line) !== digest) throw this.#damaged('its digest is not that of its content');
    const parsed = documentSchema.safeParse(JSON.parse(line));
    if (!parsed.success) throw this.#damaged(`${parsed.error.issues[0]?.path.join('.')}: ${parsed.error.issues[0]?.message}`);
    for (const key of ['chainId', 'contract', 'logId', 'address'] as const) {
      if (parsed.data.owner[key] !== this.owner[key]) {
        throw new AtsError('ATS_ANCHOR_JOURNAL_FOREIGN', `${this.file}: its ${key} is ${parsed.data.owner[key]}, here it is ${this.owner[key]}`);
      }
    }
    return parsed.data.state;
  }

  write(state: AnchorState): void {
    const line = JSON.stringify({ format: FORMAT, owner: this.owner, state }, toJson);
    const bytes = Buffer.from(`${line}\n${digestOf(line)}\n`);
    const { calls, file } = this;
    const partial = `${file}.partial`;
    try {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      withFile(calls, partial, 'w', (descriptor) => {
        for (let written = 0; written < bytes.length;) written += calls.writeSync(descriptor, bytes, written);
        calls.fsyncSync(descriptor);
      });
      calls.renameSync(partial, file);
      withFile(calls, dirname(file), 'r', (descriptor) => calls.fsyncSync(descriptor));
    } catch (cause) {
      throw new AtsError('ATS_ANCHOR_JOURNAL_UNWRITABLE', `${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }

  #damaged(why: string, cause?: unknown): AtsError {
    return new AtsError('ATS_ANCHOR_JOURNAL_DAMAGED', `${this.file}: ${why}`, { cause });
  }
}

function withFile(calls: JournalCalls, path: string, flags: string, use: (descriptor: number) => void): void {
  const descriptor = calls.openSync(path, flags, 0o600);
  try {
    use(descriptor);
  } finally {
    calls.closeSync(descriptor);
  }
}

function digestOf(line: string): string {
  return createHash('sha256').update(line).digest('hex');
}

/** Wei as decimal text, roots as hex: JSON.stringify has called Buffer's own toJSON by now, so the holder is asked. */
function toJson(this: unknown, key: string, value: unknown): unknown {
  const own = (this as Record<string, unknown>)[key];
  if (Buffer.isBuffer(own)) return own.toString('hex');
  return typeof value === 'bigint' ? value.toString() : value;
}

const count = z.int().nonnegative();
const hash = z.string().regex(/^0x[0-9a-f]{64}$/);
const wei = z.string().regex(/^\d{1,78}$/).transform(BigInt);
const head = z.strictObject({ size: count, root: z.string().regex(/^[0-9a-f]{64}$/).transform((text) => Buffer.from(text, 'hex')) });
const block = z.strictObject({ number: count, hash });
const attempt = z.strictObject({
  hash, raw: z.string().regex(/^0x([0-9a-f]{2})+$/), fees: z.strictObject({ maxFeePerGas: wei, maxPriorityFeePerGas: wei }), atBlock: count,
});
const sent = { target: head, nonce: count, attempts: z.array(attempt).min(1) };
const documentSchema = z.strictObject({
  format: z.literal(FORMAT),
  owner: z.strictObject({ chainId: count, contract: z.string(), logId: z.string(), address: z.string() }),
  state: z.strictObject({
    anchored: z.strictObject({ head, tx: hash.nullable(), block }).nullable(),
    waiting: z.strictObject({ beyond: count, sinceMs: z.number() }).nullable(),
    job: z.discriminatedUnion('step', [
      z.strictObject({ step: z.literal('PLANNED'), target: head }),
      z.strictObject({ step: z.enum(['SIGNED', 'SENT']), ...sent }),
      z.strictObject({ step: z.literal('MINED'), ...sent, mined: z.strictObject({ hash, block, ok: z.boolean() }) }),
    ]).nullable(),
  }),
});
