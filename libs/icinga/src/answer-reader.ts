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
  private head: Head | undefined;

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
      const head = this.headOf(text.slice(at, headEnd));
      const body = bodyAt(text, headEnd + HEAD_END.length, head);
      if (body === INCOMPLETE) break;
      answers.push({ status: head.status, body: toUtf8(body.text), last: head.last });
      at = body.end;
    }
    this.text = at === 0 ? text : text.slice(at);
    return answers;
  }

  /** Most heads are the same as the one before, to the byte. */
  private headOf(text: string): Head {
    if (this.head?.text !== text) this.head = parseHead(text);
    return this.head;
  }
}

interface Head {
  readonly text: string;
  readonly status: number;
  /** Of the body in bytes, undefined when it comes in chunks. */
  readonly length: number | undefined;
  readonly last: boolean;
}

function parseHead(text: string): Head {
  const lines = text.replaceAll(LINE_END, '\n');
  const status = STATUS_LINE.exec(lines)?.[1];
  const length = CONTENT_LENGTH.exec(lines)?.[1];
  const encoding = TRANSFER_ENCODING.exec(lines)?.[1];
  // One of both, or nothing says where the body ends.
  if (status === undefined || (encoding === undefined) === (length === undefined) || (encoding !== undefined && encoding.toLowerCase() !== 'chunked')) {
    throw new Error(`not HTTP/1.1 with a content-length or in chunks: ${lines.slice(0, 80)}`);
  }
  return { text, status: Number(status), length: length === undefined ? undefined : Number(length), last: CLOSES.test(lines) };
}

interface Body { readonly text: string; readonly end: number }
const INCOMPLETE = Symbol('incomplete');

function bodyAt(text: string, start: number, { length }: Head): Body | typeof INCOMPLETE {
  if (length === undefined) return chunksAt(text, start);
  const end = start + length;
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
