import { Buffer } from 'node:buffer';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** An answer on a connection that stays open, or not. */
export interface PipelinedAnswer extends Answer {
  /** The server answers nothing more on this connection. */
  readonly last: boolean;
}

const HEAD_END = '\r\n\r\n';
/** Of an answer without its body; Icinga2's have a tenth. */
const LONGEST_HEAD = 16_384;
const STATUS_LINE = /^HTTP\/1\.1 (\d{3})(?: |$)/m;
const CONTENT_LENGTH = /^content-length:[ \t]*(\d{1,9})[ \t]*$/im;
const TRANSFER_ENCODING = /^transfer-encoding:[ \t]*(.*?)[ \t]*$/im;
const CHUNK_SIZE = /^([0-9a-f]{1,7})[ \t]*(?:;.*)?$/i;
const LINE_END = '\r\n';
const CLOSES = /^connection:[ \t]*close[ \t]*$/im;

/**
 * Cuts what arrives on a connection into HTTP/1.1 answers (RFC 9112, section 6.3): those that say their length in bytes, as all of Icinga2's API do, and those
 * in chunks, as a proxy before it may make of them. Its text is latin1, one character a byte.
 */
export class AnswerReader {
  private text = '';

  /**
   * The answers that are complete now.
   * @throws Error when the bytes are no such answer: nothing that follows on this connection can be told apart
   */
  push(part: string): PipelinedAnswer[] {
    const text = this.text === '' ? part : this.text + part;
    const answers: PipelinedAnswer[] = [];
    let at = 0;
    for (;;) {
      const headEnd = text.indexOf(HEAD_END, at);
      if (headEnd < 0) {
        incompleteWithin(LONGEST_HEAD, text.length - at);
        break;
      }
      const head = text.slice(at, headEnd).replaceAll('\r\n', '\n');
      const status = STATUS_LINE.exec(head)?.[1];
      const body = status === undefined ? undefined : bodyAt(text, headEnd + HEAD_END.length, head);
      if (body === undefined) throw new Error(`not HTTP/1.1 with a content-length or in chunks: ${head.slice(0, 80)}`);
      if (body === INCOMPLETE) break;
      answers.push({ status: Number(status), body: toUtf8(body.text), last: CLOSES.test(head) });
      at = body.end;
    }
    this.text = at === 0 ? text : text.slice(at);
    return answers;
  }
}

interface Body { readonly text: string; readonly end: number }
const INCOMPLETE = Symbol('incomplete');

/** Undefined when the head does not say where it ends. */
function bodyAt(text: string, start: number, head: string): Body | typeof INCOMPLETE | undefined {
  const length = CONTENT_LENGTH.exec(head)?.[1];
  const encoding = TRANSFER_ENCODING.exec(head)?.[1];
  if (encoding !== undefined) return encoding.toLowerCase() === 'chunked' && length === undefined ? chunksAt(text, start) : undefined;
  if (length === undefined) return undefined;
  const end = start + Number(length);
  return text.length < end ? INCOMPLETE : { text: text.slice(start, end), end };
}

/** RFC 9112, section 7.1: chunks, each behind its size in hexadecimal, the last of size 0, then fields that nobody needs and an empty line. */
function chunksAt(text: string, start: number): Body | typeof INCOMPLETE {
  let body = '';
  for (let at = start; ;) {
    const sizeEnd = text.indexOf(LINE_END, at);
    if (sizeEnd < 0) return incompleteWithin(LONGEST_HEAD, text.length - at);
    const size = CHUNK_SIZE.exec(text.slice(at, sizeEnd))?.[1];
    if (size === undefined) throw new Error(`not the size of a chunk: ${text.slice(at, Math.min(sizeEnd, at + 80))}`);
    const chunk = sizeEnd + LINE_END.length;
    const chunkEnd = chunk + Number.parseInt(size, 16);
    if (chunkEnd === chunk) {
      const end = text.startsWith(LINE_END, chunk) ? chunk : text.indexOf(HEAD_END, chunk) + LINE_END.length;
      return end < chunk ? incompleteWithin(LONGEST_HEAD, text.length - chunk) : { text: body, end: end + LINE_END.length };
    }
    if (text.length < chunkEnd + LINE_END.length) return INCOMPLETE;
    if (!text.startsWith(LINE_END, chunkEnd)) throw new Error('a chunk that is longer than its size');
    body += text.slice(chunk, chunkEnd);
    at = chunkEnd + LINE_END.length;
  }
}

function incompleteWithin(most: number, length: number): typeof INCOMPLETE {
  if (length > most) throw new Error('an answer without end');
  return INCOMPLETE;
}

function toUtf8(latin1: string): string {
  // eslint-disable-next-line no-control-regex
  return /[^\u0000-\u007f]/.test(latin1) ? Buffer.from(latin1, 'latin1').toString('utf8') : latin1;
}
