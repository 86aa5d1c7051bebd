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

const chunked = (parts: readonly string[], { trailer = '', extension = '' } = {}) => {
  const chunks = parts.map((part) => `${Buffer.byteLength(part).toString(16).toUpperCase()}${extension}\r\n${part}\r\n`).join('');
  return Buffer.from(`HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n${chunks}0\r\n${trailer}\r\n`).toString('latin1');
};

it('answers in chunks, as a proxy makes them, come out whole between the others, wherever the network cuts them', () => {
  const long = 'x'.repeat(40);
  const text = chunked(['{"results":', `["a\r\n\r\n0\r\n\r\n${long}"]}`, 'ü'], { trailer: 'Expires: 0\r\nX: 1\r\n', extension: ' ;name="value"' }) + chunked([]) + answer('{}') + chunked(['end']);
  const wanted = [`{"results":["a\r\n\r\n0\r\n\r\n${long}"]}ü`, '', '{}', 'end'].map((body) => ({ status: 200, body, last: false }));
  for (let cut = 1; cut < text.length; cut++) {
    const reader = new AnswerReader();
    expect([...reader.push(text.slice(0, cut)), ...reader.push(text.slice(cut))]).toEqual(wanted);
  }
});

it('names of headers are read in any case, and the length with space around it', () => {
  expect(new AnswerReader().push('HTTP/1.1 200\r\ncontent-LENGTH:  2  \r\n\r\nok')).toEqual([{ status: 200, body: 'ok', last: false }]);
});

it('says when the server answers nothing more', () => {
  expect(new AnswerReader().push(answer('', { status: 400, more: 'Connection: close\r\n' }))).toEqual([{ status: 400, body: '', last: true }]);
});

it.each([
  ['no length', 'HTTP/1.1 200 OK\r\n\r\n'],
  ['a length beside chunks', answer('', { more: 'Transfer-Encoding: chunked\r\n' })],
  ['a coding that is not read', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
  ['a chunk of no size', chunked(['a']).replace('\r\n1\r\n', '\r\n-1\r\n')],
  ['a chunk that goes on', chunked(['ab']).replace('\r\n2\r\n', '\r\n1\r\n')],
  ['chunks whose end never comes', `${chunked([]).slice(0, -2)}${'X'.repeat(17_000)}`],
  ['another protocol', answer('').replace('HTTP/1.1', 'HTTP/1.0')],
  ['no protocol', 'hello\r\n\r\n'],
  ['a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
  ['a head without end', `HTTP/1.1 200 OK\r\n${'x'.repeat(17_000)}`],
])('%s is no answer that can be told from the next', (_, text) => {
  expect(() => new AnswerReader().push(text)).toThrow(/content-length|without end|chunk/);
});
