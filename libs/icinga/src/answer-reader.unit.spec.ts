import { AnswerReader } from './answer-reader.js';

const answer = (body: string, { status = 200, more = '' } = {}) =>
  Buffer.from(`HTTP/1.1 ${status} Whatever\r\nServer: Icinga/r2.13.6\r\n${more}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`).toString('latin1');

it('answers come out whole and in order, wherever the network cuts them', () => {
  const bodies = ['{"results":[]}', '', 'a body\r\n\r\nwith an empty line', 'Grüße, 測試'];
  const text = bodies.map((body, i) => answer(body, { status: 200 + i })).join('');
  const wanted = bodies.map((body, i) => ({ status: 200 + i, body, last: false }));
  for (let cut = 1; cut < text.length; cut++) {
    const reader = new AnswerReader();
    expect([...reader.push(text.slice(0, cut)), ...reader.push(text.slice(cut))]).toEqual(wanted);
  }
  const reader = new AnswerReader();
  expect(text.split('').flatMap((byte) => reader.push(byte))).toEqual(wanted);
});

it('names of headers are read in any case, and the length with space around it', () => {
  expect(new AnswerReader().push('HTTP/1.1 200\r\ncontent-LENGTH:  2  \r\n\r\nok')).toEqual([{ status: 200, body: 'ok', last: false }]);
});

it('says when the server answers nothing more', () => {
  expect(new AnswerReader().push(answer('', { status: 400, more: 'Connection: close\r\n' }))).toEqual([{ status: 400, body: '', last: true }]);
});

it.each([
  ['no length', 'HTTP/1.1 200 OK\r\n\r\n'],
  ['chunks', answer('', { more: 'Transfer-Encoding: chunked\r\n' })],
  ['another protocol', answer('').replace('HTTP/1.1', 'HTTP/1.0')],
  ['no protocol', 'hello\r\n\r\n'],
  ['a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
  ['a head without end', `HTTP/1.1 200 OK\r\n${'x'.repeat(17_000)}`],
])('%s is no answer that can be told from the next', (_, text) => {
  expect(() => new AnswerReader().push(text)).toThrow(/content-length|without end/);
});
