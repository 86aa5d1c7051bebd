import { readFileSync } from 'node:fs';
import { AtsError, type AtsCode } from '#libs/errors';
import { generateLogKey, noteSigner, noteVerifier, openNote, parseNote, parseVkey, signNote, type NoteVerifier } from './index.js';

const vectors = JSON.parse(readFileSync(new URL('../test/vectors/signed-note.json', import.meta.url), 'utf8'));
const foo = noteVerifier(vectors.vkey);
const { privateKey, vkey } = generateLogKey('log.example/a');
const [signer, verifier] = [noteSigner(privateKey), noteVerifier(vkey)];
const other = generateLogKey('log.example/a');

function codeOf(run: () => unknown): AtsCode | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof AtsError) return error.code;
    throw error;
  }
}

it('the spec\'s example key opens the spec\'s example note', () => {
  const { text, signatures, unverified } = openNote(Buffer.from(vectors.note), [foo]);
  expect([text, signatures.map(({ name }) => name), unverified]).toEqual(['This is an example message.\n', ['example.com/foo'], []]);
  expect(foo.keyId).toBe(0x530d903a);
});

it('the text ends before the last empty line: the spec\'s poem has one of its own', () => {
  const { text, signatures } = parseNote(Buffer.from(vectors.poem));
  expect(text.endsWith('\n\ned è subito sera.\n')).toBe(true);
  expect(signatures).toMatchObject([{ name: 'quasimodo.example/salvatore', keyId: 0x367ba04b }]);
});

it('what is signed is opened, byte for byte, by the key of its signer alone', () => {
  const note = signNote('one\n\ntwo\n', [signer]);
  expect(note.toString()).toMatch(/^one\n\ntwo\n\n— log\.example\/a [A-Za-z0-9+/]+={0,2}\n$/);
  expect(openNote(note, [verifier]).text).toBe('one\n\ntwo\n');
  expect(codeOf(() => openNote(note, [noteVerifier(other.vkey)]))).toBe('ATS_NOTE_UNVERIFIED');
  expect(codeOf(() => openNote(note, []))).toBe('ATS_NOTE_UNVERIFIED');
});

it('signatures of unknown keys are set aside, even under the name or the id of a known one', () => {
  const note = signNote('text\n', [noteSigner(other.privateKey), signer, noteSigner(generateLogKey('x.example').privateKey)]);
  const { signatures, unverified } = openNote(note, [verifier]);
  expect([signatures.length, unverified.length]).toEqual([1, 2]);
  const borrowed: NoteVerifier = { name: 'b.example', keyId: verifier.keyId, verify: () => { throw new Error('asked'); } };
  expect(openNote(note, [borrowed, verifier]).signatures).toHaveLength(1);
});

it('one bad signature of a known key refuses the whole note, however many good ones there are', () => {
  const good = signNote('text\n', [signer]).toString();
  const bad = signNote('other\n', [signer]).toString().split('\n').at(-2)!;
  expect(codeOf(() => openNote(Buffer.from(`${good}${bad}\n`), [verifier]))).toBe('ATS_NOTE_UNVERIFIED');
  expect(codeOf(() => openNote(Buffer.from(good.replace('text', 'texT')), [verifier]))).toBe('ATS_NOTE_UNVERIFIED');
});

it('a key that signed twice counts once', () => {
  const note = signNote('text\n', [signer, signer]);
  expect(openNote(note, [verifier]).signatures).toHaveLength(1);
});

it('100 signatures are read, 101 are not; nor is more than a megabyte', () => {
  expect(openNote(signNote('text\n', Array.from({ length: 100 }, () => signer)), [verifier]).signatures).toHaveLength(1);
  expect(codeOf(() => parseNote(signNote('text\n', Array.from({ length: 101 }, () => signer))))).toBe('ATS_NOTE_MALFORMED');
  expect(codeOf(() => parseNote(signNote(`${'x'.repeat(1_000_000)}\n`, [signer])))).toBe('ATS_NOTE_MALFORMED');
});

const line = `— log.example/a ${'A'.repeat(92)}`;
it.each([
  ['nothing', ''], ['no signatures', 'text\n'], ['no signature lines', 'text\n\n'], ['no newline at the end', `text\n\n${line}`], ['no empty line', `text\n${line}\n`],
  ['an empty line between signatures', `text\n\n${line}\n\n`], ['a carriage return', `text\r\n\r\n${line}\r\n`], ['a tab', `te\txt\n\n${line}\n`], ['a null', `te\0xt\n\n${line}\n`],
  ['a hyphen for the dash', `text\n\n${line.replace('—', '-')}\n`], ['two spaces', `text\n\n${line.replace('a A', 'a  A')}\n`], ['something behind the signature', `text\n\n${line} x\n`],
  ['no name', `text\n\n—  ${'A'.repeat(92)}\n`], ['a plus in the name', `text\n\n${line.replace('a A', 'a+b A')}\n`], ['a no-break space in the name', `text\n\n${line.replace('a A', 'a\u00a0b A')}\n`],
  ['no signature', 'text\n\n— log.example/a \n'], ['a key id alone', 'text\n\n— log.example/a AAAAAA==\n'], ['missing padding', `text\n\n${line}A\n`], ['surplus padding', `text\n\n${line}====\n`],
  ['pad bits that are not zero', 'text\n\n— log.example/a AAAAAAB=\n'], ['base64 of URLs', `text\n\n${line.replace('AAAA', '-_AA')}\n`], ['space before the dash', `text\n\n ${line}\n`],
])('a note with %s is ATS_NOTE_MALFORMED', (_, note) => expect(codeOf(() => parseNote(Buffer.from(note)))).toBe('ATS_NOTE_MALFORMED'));

it('bytes that are not UTF-8 are no note; characters that only look like control are', () => {
  const note = signNote('text\n', [signer]);
  for (const byte of [0x80, 0xc0, 0xff]) expect(codeOf(() => parseNote(Buffer.concat([Buffer.of(byte), note])))).toBe('ATS_NOTE_MALFORMED');
  expect(openNote(signNote('\ufeffa\u007fb\u0085c 🌶\n', [signer]), [verifier]).text).toBe('\ufeffa\u007fb\u0085c 🌶\n');
});

it('a text that could not be read back is not signed', () => {
  for (const text of ['', 'no newline', 'a\rb\n', 'a\0\n', '\ud800\n']) expect(codeOf(() => signNote(text, [signer]))).toBe('ATS_NOTE_MALFORMED');
});

it('a key is taken as it was made and in no other form', () => {
  expect(vkey).toMatch(/^log\.example\/a\+[0-9a-f]{8}\+AQ?[A-Za-z0-9+/]+=*$/);
  expect(parseVkey(vkey)).toMatchObject({ name: 'log.example/a', keyId: signer.keyId, type: 1 });
  const wrong = [
    '', 'log.example/a', vkey.replace('log', 'lag'), vkey.replace('+', ' '), `${vkey}\n`, ` ${vkey}`, `${vkey}=`, vkey.slice(0, -1), vectors.vkey.replace('530d903a', '530D903A'), vkey.replace(/\+.{8}\+/, '+00000000+'),
    'x y+00000000+AQ==', `+00000000+${vkey.split('+').slice(2).join('+')}`, 'n+00000000+AQ==',
  ];
  for (const text of wrong) expect([text, codeOf(() => noteVerifier(text))]).toEqual([text, 'ATS_NOTE_KEY_INVALID']);
  for (const text of ['', vkey, `${privateKey}\n`, privateKey.replace('log', 'lag'), privateKey.replace('PRIVATE', 'private'), privateKey.slice(0, -4)]) expect(codeOf(() => noteSigner(text))).toBe('ATS_NOTE_KEY_INVALID');
});

it('a private key that is refused is not shown', () => {
  const secret = privateKey.split('+').slice(4).join('+').slice(0, 12);
  for (const text of [privateKey.replace('log', 'lag'), `${privateKey} `]) {
    expect(() => noteSigner(text)).toThrow(expect.objectContaining({ message: expect.not.stringContaining(secret) }));
  }
});

it.each(['', 'a b', 'a+b', 'a\nb', 'a\u2003b', 'a\0', '\ud800'])('%j names no key', (name) => expect(codeOf(() => generateLogKey(name))).toBe('ATS_NOTE_KEY_INVALID'));
