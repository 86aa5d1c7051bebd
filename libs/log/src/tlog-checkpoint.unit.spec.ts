import { readFileSync } from 'node:fs';
import { EMPTY_ROOT, formatCheckpoint, generateLogKey, noteSigner, noteVerifier, openCheckpoint, parseCheckpoint, parseNote, signNote } from './index.js';

const vectors = JSON.parse(readFileSync(new URL('../test/vectors/tlog-checkpoint.json', import.meta.url), 'utf8'));
const root = Buffer.alloc(32, 3);
const text = `log.example/a\n12\n${root.toString('base64')}\n`;
const [log, foreign] = [generateLogKey('log.example/a'), generateLogKey('log.example/b')];
const refused = (code: string) => expect.objectContaining({ code });

it('the spec\'s example is read and written back, byte for byte', () => {
  const example = parseNote(Buffer.from(vectors.note)).text;
  const checkpoint = parseCheckpoint(example);
  expect(checkpoint).toMatchObject({ origin: 'example.com/behind-the-sofa', size: 20_852_163, extensions: [] });
  expect(checkpoint.root.toString('base64')).toBe('CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=');
  expect(formatCheckpoint(checkpoint)).toBe(example);
});

it('extension lines are kept in order', () => {
  expect(parseCheckpoint(`${text}one\n two \n`).extensions).toEqual(['one', ' two ']);
  expect(formatCheckpoint({ origin: 'log.example/a', size: 12, root, extensions: ['one', ' two '] })).toBe(`${text}one\n two \n`);
});

it.each([
  ['nothing', ''], ['no newline at the end', text.slice(0, -1)], ['an empty origin', text.replace('log.example/a', '')], ['two lines', 'log.example/a\n12\n'], ['a leading zero', text.replace('12', '012')],
  ['a sign', text.replace('12', '+12')], ['a negative size', text.replace('12', '-12')], ['a fraction', text.replace('12', '1.2')], ['an exponent', text.replace('12', '1e3')], ['hex', text.replace('12', '0x12')],
  ['a space', text.replace('12', '12 ')], ['no size', text.replace('12', '')], ['a size that no number holds', text.replace('12', '9007199254740992')], ['a size of 20 digits', text.replace('12', '1'.repeat(20))],
  ['digits of another script', text.replace('12', '١٢')], ['a root of 31 bytes', text.replace(root.toString('base64'), Buffer.alloc(31).toString('base64'))],
  ['a root of 33 bytes', text.replace(root.toString('base64'), Buffer.alloc(33).toString('base64'))], ['a root without its padding', text.replace('=', '')], ['pad bits that are not zero', text.replace('M=', 'N=')],
  ['a root in hex', text.replace(root.toString('base64'), root.toString('hex'))], ['an empty extension', `${text}\n`], ['an empty line between extensions', `${text}a\n\nb\n`],
  ['an empty tree with another root', text.replace('12', '0')],
])('a text with %s is ATS_CHECKPOINT_MALFORMED', (_, wrong) => expect(() => parseCheckpoint(wrong)).toThrow(refused('ATS_CHECKPOINT_MALFORMED')));

it('the empty tree is size 0 and the hash of nothing', () => {
  expect(parseCheckpoint(formatCheckpoint({ origin: 'o', size: 0, root: EMPTY_ROOT }))).toMatchObject({ size: 0, root: EMPTY_ROOT });
});

it('what would not be read back is not written', () => {
  for (const wrong of [{ origin: '' }, { origin: 'a\nb' }, { size: -1 }, { size: 1.5 }, { size: 2 ** 53 }, { root: Buffer.alloc(31) }, { extensions: [''] }, { extensions: ['a\nb'] }]) {
    expect(() => formatCheckpoint({ origin: 'log.example/a', size: 12, root, ...wrong })).toThrow(refused('ATS_CHECKPOINT_MALFORMED'));
  }
});

it('a checkpoint is opened with the key of its log', () => {
  const note = signNote(text, [noteSigner(foreign.privateKey), noteSigner(log.privateKey)]);
  expect(openCheckpoint(note, noteVerifier(log.vkey))).toEqual({ origin: 'log.example/a', size: 12, root, extensions: [], note });
});

it('another origin, another key, a changed text and half a note each have their code', () => {
  const note = signNote(text, [noteSigner(log.privateKey)]);
  const verifier = noteVerifier(log.vkey);
  expect(() => openCheckpoint(note, noteVerifier(foreign.vkey))).toThrow(refused('ATS_CHECKPOINT_FOREIGN'));
  // the log's own key under another log's origin
  expect(() => openCheckpoint(signNote(text.replace('/a', '/b'), [noteSigner(log.privateKey)]), verifier)).toThrow(refused('ATS_CHECKPOINT_FOREIGN'));
  expect(() => openCheckpoint(note, noteVerifier(generateLogKey('log.example/a').vkey))).toThrow(refused('ATS_NOTE_UNVERIFIED'));
  expect(() => openCheckpoint(Buffer.from(note.toString().replace('12', '13')), verifier)).toThrow(refused('ATS_NOTE_UNVERIFIED'));
  for (let length = 0; length < note.length; length++) {
    expect(() => openCheckpoint(note.subarray(0, length), verifier)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ATS_(NOTE_MALFORMED|NOTE_UNVERIFIED|CHECKPOINT_FOREIGN)$/) }));
  }
});

it('a note of the log that is no checkpoint is none', () => {
  expect(() => openCheckpoint(signNote('log.example/a\nhello\n', [noteSigner(log.privateKey)]), noteVerifier(log.vkey))).toThrow(refused('ATS_CHECKPOINT_MALFORMED'));
});
