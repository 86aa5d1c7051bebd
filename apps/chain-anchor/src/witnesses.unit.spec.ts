import { createHash } from 'node:crypto';
import { jest } from '@jest/globals';
import { AtsError } from '#libs/errors';
import { generateLogKey, noteSigner, openNote, parsePolicy, parseVkey, signNote, type NoteSignature } from '#libs/log';
import { Witnesses } from './witnesses.js';

const tiles = { tile: () => Promise.reject(new Error('no proof is wanted')), entries: () => Promise.reject(new Error('no proof is wanted')) };
const log = noteSigner(generateLogKey('example.com/log').privateKey);
const note = signNote('example.com/log\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n', [log]);
const head = { size: 7, root: Buffer.alloc(32) };
const never = new AbortController().signal;

/** A key of a witness: type 4, as a vkey has it. */
function witnessKey(name: string): { vkey: string; name: string; keyId: number } {
  const typed = Buffer.concat([Buffer.of(4), parseVkey(generateLogKey(name).vkey).key]);
  const id = createHash('sha256').update(Buffer.concat([Buffer.from(`${name}\n`), typed])).digest().subarray(0, 4);
  return { vkey: `${name}+${id.toString('hex')}+${typed.toString('base64')}`, name, keyId: id.readUInt32BE(0) };
}

const keys = ['w1.example', 'w2.example'].map(witnessKey);
const policy = parsePolicy(`${keys.map(({ vkey }, i) => `witness w${i + 1} ${vkey} https://w${i + 1}.example/`).join('\n')}\ngroup both all w1 w2\nquorum both\n`);

/** Witnesses that answer as they are told to. */
function witnesses() {
  const down = new Set<string>();
  const asked: string[] = [];
  const told: string[] = [];
  const subject = new Witnesses({
    policy, tiles, timeoutMs: 1_000,
    onFailure: (name, _, first) => void told.push(`${name} failed${first ? ' first' : ''}`),
    onBack: (name) => void told.push(`${name} is back`),
    clientOf: ({ name }) => ({
      cosign: () => {
        asked.push(name);
        if (down.has(name)) return Promise.reject(new AtsError('ATS_WITNESS_UNREACHABLE', name));
        const { name: keyName, keyId } = keys[name === 'w1' ? 0 : 1]!;
        return Promise.resolve([{ name: keyName, keyId, signature: Buffer.alloc(72, 1) } satisfies NoteSignature]);
      },
    }),
  });
  return { subject, down, asked, told };
}

beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] }));
afterEach(() => jest.useRealTimers());

it('cosignatures of all witnesses of the policy get into the note and make the quorum; the log\'s own stays', async () => {
  const { note: cosigned, quorum, missing } = await witnesses().subject.cosign(note, head, never);
  expect({ quorum, missing }).toEqual({ quorum: true, missing: [] });
  const verifiers = [log, ...keys].map(({ name, keyId }) => ({ name, keyId, verify: () => true }));
  expect(openNote(cosigned, verifiers).signatures.map(({ name }) => name)).toEqual(['example.com/log', 'w1.example', 'w2.example']);
});

it('a witness that is away costs its cosignature alone, is not asked for every checkpoint, and counts again once it answers', async () => {
  const { subject, down, asked, told } = witnesses();
  down.add('w2');
  const without = await subject.cosign(note, head, never);
  expect(without.quorum).toBe(false);
  expect(without.missing).toEqual([expect.stringMatching(/^w2 \(ATS_WITNESS_UNREACHABLE/)]);
  await subject.cosign(note, head, never);
  expect(asked).toEqual(['w1', 'w2', 'w1']);
  jest.advanceTimersByTime(60_000);
  await subject.cosign(note, head, never);
  down.clear();
  jest.advanceTimersByTime(60_000);
  expect((await subject.cosign(note, head, never)).quorum).toBe(true);
  expect(told).toEqual(['w2 failed first', 'w2 failed', 'w2 is back']);
});
