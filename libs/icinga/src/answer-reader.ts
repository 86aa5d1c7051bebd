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
const TRANSFER_ENCODING = /^transfer-encoding:/im;
const CLOSES = /^connection:[ \t]*close[ \t]*$/im;

/**
 * Cuts what arrives on a connection into HTTP/1.1 answers (RFC 9112, section 6.3: those that say their length in bytes, as all of Icinga2's API do). Its
 * text is latin1, one character a byte.
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
        if (text.length - at > LONGEST_HEAD) throw new Error('an answer without end');
        break;
      }
      const head = text.slice(at, headEnd).replaceAll('\r\n', '\n');
      const status = STATUS_LINE.exec(head)?.[1];
      const length = CONTENT_LENGTH.exec(head)?.[1];
      if (status === undefined || length === undefined || TRANSFER_ENCODING.test(head)) throw new Error(`not HTTP/1.1 with a content-length: ${head.slice(0, 80)}`);
      const bodyStart = headEnd + HEAD_END.length;
      const end = bodyStart + Number(length);
      if (text.length < end) break;
      answers.push({ status: Number(status), body: toUtf8(text.slice(bodyStart, end)), last: CLOSES.test(head) });
      at = end;
    }
    this.text = at === 0 ? text : text.slice(at);
    return answers;
  }
}

function toUtf8(latin1: string): string {
  // eslint-disable-next-line no-control-regex
  return /[^\u0000-\u007f]/.test(latin1) ? Buffer.from(latin1, 'latin1').toString('utf8') : latin1;
}
