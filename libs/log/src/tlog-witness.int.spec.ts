import { jest } from '@jest/globals';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import { text as readText } from 'node:stream/consumers';
import { cosigner } from '../test/cosigner.js';
import { NaiveTree } from '../test/naive-tree.js';
import {
  addCheckpoint, addSignatures, consistencyProof, cosignatureVerifier, formatCheckpoint, generateLogKey, noteSigner, noteVerifier, openNote, parseNote, signNote, verifyConsistency, WitnessClient,
} from './index.js';

const vectors = JSON.parse(readFileSync(new URL('../test/vectors/tlog-witness.json', import.meta.url), 'utf8'));
const log = generateLogKey('log.example/a');
const witness = cosigner('witness.example/w', 'ed25519', 1_700_000_000n);
const verifier = cosignatureVerifier(witness.vkey);
const tree = NaiveTree.of(40);
const noteOf = (size: number) => signNote(formatCheckpoint({ origin: 'log.example/a', size, root: tree.root(size) }), [noteSigner(log.privateKey)]);
const proofTo = (size: number) => (from: number) => consistencyProof(from, size, tree.tiles());
const lineOf = (note: Buffer, by = witness) => signNote(parseNote(note).text, [by]).toString().split('\n').slice(-2).join('\n');
const refused = (code: string, why: RegExp = /./) => expect.objectContaining({ code, message: expect.stringMatching(why) });

let server: Server;
let url: string;
let requests: { url: string; method: string; body: string }[];
let answer: (body: string, response: ServerResponse, request: IncomingMessage) => void;

beforeEach(async () => {
  requests = [];
  server = createServer((request, response) => void readText(request).then((body) => {
    requests.push({ url: request.url!, method: request.method!, body });
    answer(body, response, request);
  }));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/prefix/`;
});
afterEach(() => new Promise((resolve) => {
  server.close(resolve);
  server.closeAllConnections();
}));

/** A witness with a memory, as the spec has it; checks the proof itself. */
function honest(known = 0) {
  const state = { known };
  answer = (body, response) => {
    const [head, ...rest] = body.split('\n\n');
    const [old, ...proof] = head!.split('\n');
    const note = Buffer.from(rest.join('\n\n'));
    const [, size, root] = openNote(note, [noteVerifier(log.vkey)]).text.split('\n');
    if (old !== `old ${state.known}`) return void response.writeHead(409, { 'content-type': 'text/x.tlog.size' }).end(`${state.known}\n`);
    const holds = verifyConsistency({
      from: state.known, fromRoot: tree.root(state.known), to: Number(size), toRoot: Buffer.from(root!, 'base64'), proof: proof.map((hash) => Buffer.from(hash, 'base64')),
    });
    if (!holds) return void response.writeHead(422).end('bad proof\n');
    state.known = Number(size);
    response.end(lineOf(note));
  };
  return state;
}

it('the request is the spec\'s, byte for byte, and so is the answer read', async () => {
  const [head, note] = [vectors.request.slice(0, vectors.request.indexOf('\n\n')), vectors.request.slice(vectors.request.indexOf('\n\n') + 2)];
  const hashes = head.split('\n').slice(1).map((line: string) => Buffer.from(line, 'base64'));
  answer = (_, response) => void response.end(vectors.response);
  const lines = await addCheckpoint({ url, oldSize: 20_852_014, proof: async (from) => (from === 20_852_014 ? hashes : []), checkpoint: Buffer.from(note) });
  expect(requests).toEqual([{ url: '/prefix/add-checkpoint', method: 'POST', body: vectors.request }]);
  expect(lines.join('')).toBe(vectors.response);
});

it('the first checkpoint goes without a proof: none is asked for', async () => {
  honest();
  const proof = jest.fn(proofTo(3));
  await addCheckpoint({ url, oldSize: 0, proof, checkpoint: noteOf(3) });
  expect(proof).not.toHaveBeenCalled();
});

it('cosignatures are verified, and the next proof begins where the last ended', async () => {
  honest();
  const client = new WitnessClient({ url, verifiers: [verifier] });
  for (const size of [3, 3, 8, 40]) {
    const cosigned = addSignatures(noteOf(size), await client.cosign(noteOf(size), proofTo(size)));
    expect(openNote(cosigned, [noteVerifier(log.vkey), verifier]).signatures.map(({ name }) => name)).toEqual(['log.example/a', 'witness.example/w']);
    expect(client.oldSize).toBe(size);
  }
  expect(requests.map(({ body }) => body.split('\n', 1)[0])).toEqual(['old 0', 'old 3', 'old 3', 'old 8']);
});

it('a witness that knows another size is asked again from there, once', async () => {
  const state = honest(8);
  const client = new WitnessClient({ url, verifiers: [verifier] });
  await client.cosign(noteOf(12), proofTo(12));
  expect(requests.map(({ body }) => body.split('\n', 1)[0])).toEqual(['old 0', 'old 8']);
  // one that has lost its memory begins anew
  state.known = 0;
  await client.cosign(noteOf(20), proofTo(20));
  expect(requests.slice(2).map(({ body }) => body.split('\n', 1)[0])).toEqual(['old 12', 'old 0']);
});

it('a witness that knows a larger tree is ATS_WITNESS_AHEAD, whether it says so or we remember', async () => {
  honest(30);
  const client = new WitnessClient({ url, verifiers: [verifier] });
  await expect(client.cosign(noteOf(12), proofTo(12))).rejects.toEqual(refused('ATS_WITNESS_AHEAD', /cosigned size 30, this checkpoint has 12/));
  await client.cosign(noteOf(31), proofTo(31));
  await expect(client.cosign(noteOf(30), proofTo(30))).rejects.toEqual(refused('ATS_WITNESS_AHEAD'));
  await expect(addCheckpoint({ url, oldSize: 31, proof: proofTo(30), checkpoint: noteOf(30) })).rejects.toEqual(refused('ATS_WITNESS_AHEAD'));
});

it('cosignatures of keys that are not the witness\'s are left out; none that is its own is no answer', async () => {
  const other = cosigner('witness.example/other', 'ed25519', 1n);
  answer = (_, response) => void response.end(lineOf(noteOf(3), other) + lineOf(noteOf(3)));
  const client = new WitnessClient({ url, verifiers: [verifier] });
  expect(await client.cosign(noteOf(3), proofTo(3))).toMatchObject([{ name: 'witness.example/w' }]);
  answer = (_, response) => void response.end(lineOf(noteOf(4), other));
  await expect(client.cosign(noteOf(4), proofTo(4))).rejects.toEqual(refused('ATS_WITNESS_INVALID', /none of its keys signed/));
  expect(client.oldSize).toBe(3);
});

it('a cosignature that does not hold, of another checkpoint or without a time, is refused and nothing remembered', async () => {
  const client = new WitnessClient({ url, verifiers: [verifier] });
  answer = (_, response) => void response.end(lineOf(noteOf(4)));
  await expect(client.cosign(noteOf(3), proofTo(3))).rejects.toEqual(refused('ATS_WITNESS_INVALID', /does not hold/));
  const timeless = cosigner('witness.example/w', 'ml-dsa-44', 0n);
  answer = (_, response) => void response.end(lineOf(noteOf(3), timeless));
  await expect(new WitnessClient({ url, verifiers: [cosignatureVerifier(timeless.vkey)] }).cosign(noteOf(3), proofTo(3))).rejects.toEqual(refused('ATS_WITNESS_INVALID', /no time/));
  expect(client.oldSize).toBe(0);
});

it.each([
  [400, 'ATS_WITNESS_REFUSED', /cannot read the request/], [403, 'ATS_WITNESS_REFUSED', /trusts no key/], [404, 'ATS_WITNESS_REFUSED', /does not know this log/], [422, 'ATS_WITNESS_REFUSED', /no extension/],
  [429, 'ATS_WITNESS_UNREACHABLE', /HTTP 429/], [500, 'ATS_WITNESS_UNREACHABLE', /HTTP 500/], [503, 'ATS_WITNESS_UNREACHABLE', /HTTP 503/], [204, 'ATS_WITNESS_INVALID', /HTTP 204/], [418, 'ATS_WITNESS_INVALID', /HTTP 418/],
] as const)('HTTP %i is %s', async (status, code, why) => {
  answer = (_, response) => void response.writeHead(status).end(status === 204 ? undefined : 'said\n');
  await expect(addCheckpoint({ url, oldSize: 0, proof: proofTo(3), checkpoint: noteOf(3) })).rejects.toEqual(refused(code, why));
});

it.each([
  ['nothing', ''], ['no newline', '— w AAAAAAA='], ['text', 'hello\n'], ['an empty line', `${lineOf(noteOf(3))}\n`], ['bytes that are not UTF-8', Buffer.of(0xff, 10)], ['more than a line has room for', 'x'.repeat(300_000)],
])('an answer of %s is no cosignature', async (_, body) => {
  answer = (__, response) => void response.end(body);
  await expect(addCheckpoint({ url, oldSize: 0, proof: proofTo(3), checkpoint: noteOf(3) })).rejects.toEqual(expect.objectContaining({ code: expect.stringMatching(/^ATS_WITNESS_(INVALID|UNREACHABLE)$/) }));
});

it.each([
  ['no size', 'text/x.tlog.size', 'x\n'], ['a zero before the size', 'text/x.tlog.size', '08\n'], ['no newline', 'text/x.tlog.size', '8'], ['another type', 'text/plain', '8\n'], ['the size that was sent', 'text/x.tlog.size', '0\n'],
])('a 409 with %s is ATS_WITNESS_INVALID', async (_, type, body) => {
  answer = (__, response) => void response.writeHead(409, { 'content-type': type }).end(body);
  await expect(addCheckpoint({ url, oldSize: 0, proof: proofTo(12), checkpoint: noteOf(12) })).rejects.toEqual(refused('ATS_WITNESS_INVALID'));
  expect(requests).toHaveLength(1);
});

it('a witness that names another size each time is given up', async () => {
  let size = 0;
  answer = (_, response) => void response.writeHead(409, { 'content-type': 'text/x.tlog.size' }).end(`${++size}\n`);
  await expect(addCheckpoint({ url, oldSize: 0, proof: proofTo(40), checkpoint: noteOf(40) })).rejects.toEqual(refused('ATS_WITNESS_INVALID'));
  expect(requests).toHaveLength(4);
});

it('silence, half an answer, nobody and a redirect are ATS_WITNESS_UNREACHABLE', async () => {
  const send = (timeoutMs = 10_000) => addCheckpoint({ url, oldSize: 0, proof: proofTo(3), checkpoint: noteOf(3), timeoutMs });
  answer = () => undefined;
  await expect(send(50)).rejects.toEqual(refused('ATS_WITNESS_UNREACHABLE', /within 0\.05 s/));
  answer = (_, response) => void response.writeHead(200, { 'content-length': 100 }).write('— w');
  await expect(send(50)).rejects.toEqual(refused('ATS_WITNESS_UNREACHABLE'));
  answer = (_, response, { url: path }) => void (path === '/elsewhere' ? response.end(lineOf(noteOf(3))) : response.writeHead(302, { location: '/elsewhere' }).end());
  await expect(send()).rejects.toEqual(refused('ATS_WITNESS_UNREACHABLE'));
  answer = (_, __, request) => void request.socket.destroy();
  await expect(send()).rejects.toEqual(refused('ATS_WITNESS_UNREACHABLE'));
});

it('a stop is a stop, not a fault of the witness', async () => {
  const [stopped, reason] = [new AbortController(), new Error('stopping')];
  answer = () => stopped.abort(reason);
  await expect(addCheckpoint({ url, oldSize: 0, proof: proofTo(3), checkpoint: noteOf(3), signal: stopped.signal })).rejects.toBe(reason);
});

it('a newer cosignature takes the place of an older one of the same key', async () => {
  const note = noteOf(3);
  const older = addSignatures(note, parseNote(signNote(parseNote(note).text, [witness])).signatures);
  expect(addSignatures(older, parseNote(older).signatures)).toEqual(older);
  expect(parseNote(older).signatures).toHaveLength(2);
});
