import { readFileSync } from 'node:fs';
import { cosigner } from '../test/cosigner.js';
import { NaiveTree } from '../test/naive-tree.js';
import { formatCheckpoint, formatProof, generateLogKey, leafHash, noteSigner, parseCheckpoint, parsePolicy, parseProof, signNote, verifyProof } from './index.js';

const vectors = JSON.parse(readFileSync(new URL('../test/vectors/tlog-proof.json', import.meta.url), 'utf8'));
const log = generateLogKey('log.example/a');
const witness = cosigner('witness.example/w', 'ed25519', 1n);
const [tree, size, index] = [NaiveTree.of(13), 13, 5];
const checkpoint = signNote(formatCheckpoint({ origin: 'log.example/a', size, root: tree.root(size) }), [noteSigner(log.privateKey), witness]);
const policy = parsePolicy(`log ${log.vkey}\nwitness w ${witness.vkey}\nquorum w\n`);
const parts = { index, proof: tree.path(index, size), checkpoint };
const file = formatProof(parts);
const refused = (code: string) => expect.objectContaining({ code });
const edited = (from: string | RegExp, to: string) => Buffer.from(file.toString().replace(from, to));

it('the spec\'s example is read, and written back byte for byte', () => {
  const example = vectors.head + vectors.checkpointText;
  const read = parseProof(Buffer.from(example));
  expect([read.index, read.proof.length, read.extra?.subarray(0, 10).toString()]).toEqual([73_894, 5, 'age-v1.2.1']);
  expect(read.proof[0]!.toString('base64')).toBe('gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=');
  expect(parseCheckpoint(read.checkpoint.toString())).toMatchObject({ origin: 'example.com/fancylog', size: 109_482 });
  expect(formatProof(read).toString()).toBe(example);
});

it('a proof is read back as what it was made of, extra bytes and all', () => {
  expect(parseProof(file)).toEqual(parts);
  const extra = Buffer.from([0, 255, 10]);
  expect(formatProof({ ...parts, extra }).toString()).toMatch(/^c2sp\.org\/tlog-proof@v1\nextra AP8K\nindex 5\n/);
  expect(parseProof(formatProof({ ...parts, extra }))).toEqual({ ...parts, extra });
});

it('a tree of one leaf needs no hash', () => {
  const one = NaiveTree.of(1);
  const note = signNote(formatCheckpoint({ origin: 'log.example/a', size: 1, root: one.root(1) }), [noteSigner(log.privateKey), witness]);
  expect(verifyProof(formatProof({ index: 0, proof: [], checkpoint: note }), leafHash(one.entries[0]!), policy).index).toBe(0);
});

it('the whole check holds for the entry and says who cosigned', () => {
  expect(verifyProof(file, leafHash(tree.entries[index]!), policy)).toMatchObject({ index, checkpoint: { origin: 'log.example/a', size }, cosigners: [{ name: 'witness.example/w' }] });
});

it.each([
  ['another entry', file, leafHash(Buffer.from('other')), 'ATS_TLOG_PROOF_FAILED'],
  ['another index', edited('index 5', 'index 4'), undefined, 'ATS_TLOG_PROOF_FAILED'],
  ['a hash less', edited(/(?<=index 5\n).*\n/, ''), undefined, 'ATS_TLOG_PROOF_FAILED'],
  ['a larger tree', edited('\n13\n', '\n14\n'), undefined, 'ATS_NOTE_UNVERIFIED'],
  ['no cosignature', formatProof({ ...parts, checkpoint: signNote(formatCheckpoint({ origin: 'log.example/a', size, root: tree.root(size) }), [noteSigner(log.privateKey)]) }), undefined, 'ATS_TLOG_PROOF_FAILED'],
  ['no signature of the log', formatProof({ ...parts, checkpoint: signNote(formatCheckpoint({ origin: 'log.example/a', size, root: tree.root(size) }), [witness]) }), undefined, 'ATS_CHECKPOINT_FOREIGN'],
  ['the log\'s key under another origin', formatProof({ ...parts, checkpoint: signNote(formatCheckpoint({ origin: 'log.example/b', size, root: tree.root(size) }), [noteSigner(log.privateKey), witness]) }), undefined, 'ATS_CHECKPOINT_FOREIGN'],
])('with %s it fails', (_, bytes, leaf, code) => expect(() => verifyProof(bytes, leaf ?? leafHash(tree.entries[index]!), policy)).toThrow(refused(code)));

it.each([
  ['nothing', Buffer.alloc(0)], ['another version', edited('@v1', '@v2')], ['a space before', edited(/^/, ' ')], ['no index', edited(/index.*\n/, '')], ['an index with a zero before it', edited('index 5', 'index 05')],
  ['a negative index', edited('index 5', 'index -5')], ['two spaces', edited('index 5', 'index  5')], ['an index that no number holds', edited('index 5', 'index 9007199254740992')], ['two indices', edited('index 5', 'index 5\nindex 5')],
  ['extra behind the index', edited('index 5', 'index 5\nextra AA==')], ['an empty extra', edited('index 5', 'extra \nindex 5')], ['extra without a space', edited('index 5', 'extra\nindex 5')], ['two extras', edited('index 5', 'extra AA==\nextra AA==\nindex 5')],
  ['carriage returns', Buffer.from(file.toString().replaceAll('\n', '\r\n'))], ['a short hash', edited(/(?<=index 5\n)..../, '')], ['a hash without padding', edited(/=\n/, '\n')], ['no empty line', Buffer.from(file.subarray(0, file.indexOf('\n\n') + 1))],
  ['64 hashes', edited('index 5\n', `index 5\n${`${Buffer.alloc(32).toString('base64')}\n`.repeat(60)}`)],
])('a file with %s is ATS_TLOG_PROOF_MALFORMED', (_, bytes) => expect(() => parseProof(bytes)).toThrow(refused('ATS_TLOG_PROOF_MALFORMED')));

it('no byte of the file can be changed or cut off and the check still hold', () => {
  const leaf = leafHash(tree.entries[index]!);
  for (let at = 0; at < file.length; at++) {
    const changed = Buffer.from(file);
    changed[at]! ^= 1;
    expect(() => verifyProof(changed, leaf, policy)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ATS_(TLOG_PROOF|NOTE|CHECKPOINT)_/) }));
    expect(() => verifyProof(file.subarray(0, at), leaf, policy)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ATS_(TLOG_PROOF|NOTE|CHECKPOINT)_/) }));
  }
});

it('what would not be read back is not written', () => {
  for (const wrong of [{ index: -1 }, { index: 0.5 }, { proof: [Buffer.alloc(31)] }, { proof: Array.from({ length: 64 }, () => Buffer.alloc(32)) }, { extra: Buffer.alloc(0) }]) {
    expect(() => formatProof({ ...parts, ...wrong })).toThrow(refused('ATS_TLOG_PROOF_MALFORMED'));
  }
});
