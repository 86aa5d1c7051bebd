import { hash } from 'node:crypto';
import { cosigner } from '../test/cosigner.js';
import { generateLogKey, parsePolicy, parseVkey } from './index.js';

const log = generateLogKey('log.example/a').vkey;
const names = ['X1', 'X2', 'X3', 'Y1', 'Y2', 'Y3'];
const keys = Object.fromEntries(names.map((name) => [name, cosigner(`witness.example/${name}`, name === 'Y3' ? 'ml-dsa-44' : 'ed25519', 1n)]));
const by = (...wanted: string[]) => wanted.map((name) => keys[name]!);
const witnessLines = names.map((name) => `witness ${name} ${keys[name]!.vkey}`).join('\n');

/** The spec's example policy with keys. */
const example = `
log ${log}

${witnessLines}
group X-witnesses 2 X1 X2 X3
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`;

it('the spec\'s example wants two of X and one of Y', () => {
  const policy = parsePolicy(example);
  expect([policy.logs.length, policy.witnesses.map(({ name }) => name)]).toEqual([1, names]);
  for (const [cosigners, enough] of [
    [by('X1', 'X2', 'Y3'), true], [by(...names), true], [by('X3', 'X1', 'Y1', 'Y2'), true],
    [[], false], [by('X1', 'Y1'), false], [by('X1', 'X2', 'X3'), false], [by('Y1', 'Y2', 'Y3'), false], [by('X1', 'X1', 'Y1'), false],
  ] as const) expect(policy.satisfied(cosigners)).toBe(enough);
});

it('keys count by name and id: one that the policy does not name counts nothing', () => {
  const policy = parsePolicy(`witness w ${keys['X1']!.vkey}\nquorum w\n`);
  expect(policy.satisfied([{ name: keys['X1']!.name, keyId: keys['X1']!.keyId + 1 }, { name: 'other', keyId: keys['X1']!.keyId }])).toBe(false);
  expect(policy.satisfied(by('X1'))).toBe(true);
});

it('none wants nothing; a policy needs neither log nor witness', () => {
  expect(parsePolicy('quorum none\n').satisfied([])).toBe(true);
});

it('blanks, comments, addresses and order of logs and witnesses are free', () => {
  const policy = parsePolicy(`# first\n \t \n\twitness  w\t${keys['X1']!.vkey}   https://w.example/ \n  # log\nlog ${log} https://log.example/a\nquorum w\n`);
  expect([policy.witnesses[0]!.url, policy.logs[0]!.url, policy.logs[0]!.vkey]).toEqual(['https://w.example/', 'https://log.example/a', log]);
});

it('octets that are not ASCII are names like others, whatever they mean', () => {
  const bytes = Buffer.concat([Buffer.from(`witness `), Buffer.of(0xff, 0x4b), Buffer.from(` ${keys['X1']!.vkey}\nwitness K ${keys['X2']!.vkey}\nquorum `), Buffer.of(0xff, 0x4b, 10)]);
  expect(parsePolicy(bytes).satisfied(by('X1'))).toBe(true);
  expect(parsePolicy(bytes).satisfied(by('X2'))).toBe(false);
});

it('32 logs, witnesses and groups are read', () => {
  const many = Array.from({ length: 32 }, (_, i) => cosigner(`w${i}`, 'ed25519', 1n));
  const policy = parsePolicy([
    ...many.map((_, i) => `log ${generateLogKey(`log${i}`).vkey}`), ...many.map(({ vkey }, i) => `witness w${i} ${vkey}`),
    ...many.map((_, i) => (i === 0 ? 'group g0 all w0' : `group g${i} all g${i - 1} w${i}`)), 'quorum g31', '',
  ].join('\n'));
  expect([policy.satisfied(many), policy.satisfied(many.slice(1))]).toEqual([true, false]);
});

const w = (name: string, key = name) => `witness ${name} ${keys[key]!.vkey}\n`;
const twice = keys['X1']!.vkey;
it.each([
  ['no quorum', w('X1')], ['nothing', ''], ['two quorums', 'quorum none\nquorum none\n'], ['a quorum of nobody', 'quorum X1\n'], ['a quorum that comes first', `quorum X1\n${w('X1')}`], ['a quorum of two', `${w('X1')}${w('X2')}quorum X1 X2\n`],
  ['an unknown keyword', 'quorum none\nwitnesses\n'], ['no newline at the end', 'quorum none'], ['a carriage return', 'quorum none\r\n'], ['a null', 'quorum none\0\n'], ['a delete character', 'quorum none\u007f\n'],
  ['a name defined twice', `${w('X1')}${w('X1', 'X2')}quorum none\n`], ['a witness called none', `${w('none', 'X1')}quorum none\n`], ['a group called none', `${w('X1')}group none all X1\nquorum none\n`],
  ['none in a group', `group g any none\nquorum g\n`], ['a witness twice by its key', `${w('X1')}witness X2 ${twice}\nquorum none\n`], ['a log twice', `log ${log}\nlog ${log}\nquorum none\n`],
  ['a log\'s key for a witness', `witness X1 ${log}\nquorum none\n`], ['a witness\'s key for a log', `log ${twice}\nquorum none\n`], ['no key', 'log x\nquorum none\n'], ['a log alone', 'log\nquorum none\n'],
  ['too much behind a log', `log ${log} url more\nquorum none\n`], ['a witness without a key', 'witness X1\nquorum none\n'], ['a group of nobody', 'group g all\nquorum none\n'], ['a group without a count', `${w('X1')}group g X1\nquorum none\n`],
  ['none of one', `${w('X1')}group g 0 X1\nquorum g\n`], ['two of one', `${w('X1')}group g 2 X1\nquorum g\n`], ['a count with a zero before it', `${w('X1')}group g 01 X1\nquorum g\n`],
  ['a member that comes later', `group g all X1\n${w('X1')}quorum g\n`], ['a group in itself', `group g all g\nquorum g\n`], ['a member twice', `${w('X1')}group g all X1 X1\nquorum g\n`],
  ['a member of two groups', `${w('X1')}${w('X2')}group g any X1 X2\ngroup h any X2\nquorum g\n`],
])('a policy with %s is ATS_POLICY_INVALID', (_, text) => expect(() => parsePolicy(text)).toThrow(expect.objectContaining({ code: 'ATS_POLICY_INVALID' })));

it('one key under two names of its own is a duplicate still', () => {
  const key = Buffer.concat([Buffer.of(4), parseVkey(keys['X1']!.vkey).key]);
  const id = hash('sha256', Buffer.concat([Buffer.from('z\n'), key]), 'hex').slice(0, 8);
  expect(() => parsePolicy(`${w('X1')}witness z z+${id}+${key.toString('base64')}\nquorum none\n`)).toThrow('line 2: a second witness with this key');
});

it('the line is named', () => expect(() => parsePolicy('quorum none\n\nwhat\n')).toThrow('line 3: "what" is no keyword'));
