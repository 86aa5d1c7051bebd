import { getEventListeners, once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { isAtsError } from '#libs/errors';
import { repositoryRoot } from '#libs/stack';
import { IcingaClient } from './client.js';
import { prepareIcingaNode } from './node.js';
import { Reachability } from './reachability.js';
import { ResultSender } from './result-sender.js';
import type { CheckResult } from './types.js';

jest.setTimeout(60_000);

const CONNECTIONS = 3;
const DEPTH = 32;
const dir = mkdtempSync(join(tmpdir(), 'result-sender-'));
const certificate = (name: string) => readFileSync(join(dir, 'data/certs', name));
beforeAll(async () => { await prepareIcingaNode({ dir, port: 1, confDir: join(repositoryRoot, 'icinga') }); });
afterAll(() => rmSync(dir, { recursive: true }));

const result = (output = 'proven', freshMs = 600_000): CheckResult => ({ state: 0, output, performanceData: ['epoch=1'], freshUntil: Date.now() + freshMs });
const ACCEPTED = '{"results":[{"code":200,"status":"Successfully processed check result"}]}';
const accept = (response: ServerResponse) => { response.setHeader('content-length', ACCEPTED.length).end(ACCEPTED); };

interface Asked { index: number; service: string; output: string; response: ServerResponse; socket: Socket }

/** In Icinga2's place: holds what it is asked until the test answers. */
class Stub {
  readonly asked: Asked[] = [];
  readonly sockets = new Set<Socket>();
  connections = 0;
  onAsked: (asked: Asked) => void = () => undefined;
  private readonly news: (() => void)[] = [];

  private constructor(readonly server: Server) {}

  static async start(port = 0): Promise<Stub> {
    const server = createServer({ key: certificate('localhost.key'), cert: certificate('localhost.crt') });
    const stub = new Stub(server);
    server.on('request', (request, response) => stub.take(request, response));
    server.on('secureConnection', (socket) => {
      stub.connections++;
      stub.sockets.add(socket.on('close', () => stub.sockets.delete(socket)).on('error', () => undefined));
    });
    server.keepAliveTimeout = 0;
    await once(server.listen(port, '127.0.0.1'), 'listening');
    return stub;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  private take(request: IncomingMessage, response: ServerResponse): void {
    let body = '';
    request.on('data', (part) => { body += String(part); }).on('end', () => {
      const service = new URL(request.url!, 'https://x').searchParams.get('service');
      if (service === null) return; // another question, which waits for ever
      const asked = { index: Number(/\d+/.exec(service)), service, output: (JSON.parse(body) as { plugin_output: string }).plugin_output, response, socket: request.socket };
      this.asked.push(asked);
      this.onAsked(asked);
      for (const wake of this.news.splice(0)) wake();
    });
  }

  async untilAsked(count: number): Promise<void> {
    while (this.asked.length < count) await new Promise<void>((resolve) => this.news.push(resolve));
  }

  /** A round trip later, everything that was to come without an answer has come. */
  async settled(): Promise<void> {
    for (let before = -1; before !== this.asked.length;) {
      before = this.asked.length;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  stop(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }
}

function senderTo(port: number, changes: { signal?: AbortSignal; timeoutMs?: number; retrySeconds?: number } = {}) {
  const heard: string[] = [];
  const sender = new ResultSender({
    url: `https://127.0.0.1:${port}`, ca: certificate('ca.crt').toString(), authorization: 'Basic eDp5', connections: CONNECTIONS, timeoutMs: 10_000, retrySeconds: 30,
    reachability: new Reachability({ onOutage: ({ code }) => heard.push(code), onRecovery: () => heard.push('back') }), ...changes,
  });
  return { sender, heard };
}

let icinga: Stub;
let sender: ResultSender;
afterEach(() => {
  sender.close();
  icinga.stop();
});

const sendAll = (count: number, signal?: AbortSignal) => Array.from({ length: count }, (_, i) => sender.send(`h${i}`, 's', result(`result ${i}`), signal));

it('no more than the connections can hold is under way, the rest waits here, and all of it arrives once', async () => {
  icinga = await Stub.start();
  ({ sender } = senderTo(icinga.port));
  const sent = sendAll(1_000);
  await icinga.untilAsked(CONNECTIONS * DEPTH);
  await icinga.settled();
  expect([icinga.asked.length, icinga.connections]).toEqual([CONNECTIONS * DEPTH, CONNECTIONS]);
  let open = icinga.asked.length;
  let most = open;
  icinga.onAsked = () => { most = Math.max(most, ++open); };
  for (let answered = 0; answered < 1_000; answered++, open--) {
    await icinga.untilAsked(answered + 1);
    accept(icinga.asked[answered]!.response);
  }
  expect(new Set(await Promise.all(sent))).toEqual(new Set(['accepted']));
  expect(new Set(icinga.asked.map(({ service }) => service)).size).toBe(1_000);
  expect(icinga.asked).toHaveLength(1_000);
  expect(most).toBeLessThanOrEqual(CONNECTIONS * DEPTH);
});

it('a few results do not wait behind one another: each has a connection of its own', async () => {
  icinga = await Stub.start();
  ({ sender } = senderTo(icinga.port));
  const sent = sendAll(CONNECTIONS);
  await icinga.untilAsked(CONNECTIONS);
  expect(new Set(icinga.asked.map(({ socket }) => socket)).size).toBe(CONNECTIONS);
  for (const { response } of icinga.asked) accept(response);
  expect(await Promise.all(sent)).toEqual(['accepted', 'accepted', 'accepted']);
});

it('what a broken connection left without an answer is sent again, what was answered is not', async () => {
  icinga = await Stub.start();
  let heard: string[];
  ({ sender, heard } = senderTo(icinga.port));
  const sent = sendAll(90);
  await icinga.untilAsked(60);
  await icinga.settled();
  const first = icinga.asked.splice(0);
  // Of each connection the oldest: answers leave in the order of the requests.
  const answered = [...new Map(first.toReversed().map((asked) => [asked.socket, asked])).values()];
  for (const { response } of answered) accept(response);
  expect(await Promise.all(answered.map(({ index }) => sent[index]!))).toEqual(answered.map(() => 'accepted'));
  icinga.onAsked = ({ response }) => accept(response);
  for (const socket of icinga.sockets) socket.destroy();
  expect(new Set(await Promise.all(sent))).toEqual(new Set(['accepted']));
  const again = new Set(icinga.asked.map(({ index }) => index));
  expect(answered.map(({ index }) => again.has(index))).toEqual(answered.map(() => false));
  expect([again.size, answered.length]).toEqual([90 - CONNECTIONS, CONNECTIONS]);
  expect(heard).toEqual(['ATS_ICINGA_UNREACHABLE', 'back']);
});

it('a server that takes one request a connection is no outage', async () => {
  icinga = await Stub.start();
  let heard: string[];
  ({ sender, heard } = senderTo(icinga.port));
  icinga.onAsked = ({ response }) => accept(response.setHeader('connection', 'close'));
  expect(new Set(await Promise.all(sendAll(100)))).toEqual(new Set(['accepted']));
  expect(heard).toEqual([]);
  expect(icinga.connections).toBeGreaterThan(CONNECTIONS);
});

it('answers without a length, in chunks, as a proxy sends them, are answers', async () => {
  icinga = await Stub.start();
  let heard: string[];
  ({ sender, heard } = senderTo(icinga.port));
  icinga.onAsked = ({ response }) => {
    response.write(ACCEPTED.slice(0, 20));
    response.end(ACCEPTED.slice(20));
  };
  expect(new Set(await Promise.all(sendAll(100)))).toEqual(new Set(['accepted']));
  expect([heard, icinga.asked.length]).toEqual([[], 100]);
});

it('one that never answers is left after the time for an attempt, and asked again', async () => {
  icinga = await Stub.start();
  let heard: string[];
  ({ sender, heard } = senderTo(icinga.port, { timeoutMs: 1_000 }));
  const sent = sendAll(5);
  while (heard.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  icinga.onAsked = ({ response }) => accept(response);
  expect(new Set(await Promise.all(sent))).toEqual(new Set(['accepted']));
  expect(heard.slice(0, 2)).toEqual(['ATS_ICINGA_UNREACHABLE', 'back']);
});

it('answers that are not of its protocol end in one line, not in a wrong outcome', async () => {
  icinga = await Stub.start();
  ({ sender } = senderTo(icinga.port, { retrySeconds: 0 }));
  icinga.onAsked = ({ socket }) => { socket.write('hello\r\n\r\n'); };
  await expect(sender.send('h', 's', result())).rejects.toMatchObject({ code: 'ATS_ICINGA_UNREACHABLE', why: expect.stringContaining('hello') });
});

it('refusals reach their caller alone, and a state that has expired while it waited is not sent', async () => {
  icinga = await Stub.start();
  ({ sender } = senderTo(icinga.port));
  icinga.onAsked = ({ output, response }) => {
    if (output === 'good') return accept(response);
    const text = output === 'unknown' ? '{"error":404,"status":"No objects found."}' : output === 'inside' ? '{"results":[{"code":500,"status":"no"}]}' : '<h1>no</h1>';
    response.statusCode = output === 'unknown' ? 404 : output === 'inside' ? 200 : 403;
    response.setHeader('content-length', text.length).end(text);
  };
  const outcomes = await Promise.allSettled(['good', 'unknown', 'inside', 'html', 'good'].map((output, i) => sender.send(`h${i}`, 's', result(output))));
  expect(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : isAtsError(outcome.reason) && outcome.reason.code)))
    .toEqual(['accepted', 'unknown', 'ATS_ICINGA_REFUSED', 'ATS_ICINGA_REFUSED', 'accepted']);
  expect(await sender.send('h', 's', result('stale', -1))).toBe('expired');
  expect(icinga.asked).toHaveLength(5);
});

it('each answer is that of its own request, also of many that come in one piece', async () => {
  icinga = await Stub.start();
  ({ sender } = senderTo(icinga.port));
  const sent = sendAll(200);
  await icinga.untilAsked(CONNECTIONS * DEPTH);
  const isOurs = (index: number) => index % 3 !== 1;
  const answer = ({ index }: Asked) => {
    const body = isOurs(index) ? ACCEPTED : '{"error":404,"status":"No objects found."}';
    return `HTTP/1.1 ${isOurs(index) ? 200 : 404} Whatever\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  };
  icinga.onAsked = (asked) => { asked.socket.write(answer(asked)); };
  for (const [socket, asked] of Map.groupBy(icinga.asked, (one) => one.socket)) socket.write(asked.map(answer).join(''));
  expect(await Promise.all(sent)).toEqual(sent.map((_, index) => (isOurs(index) ? 'accepted' : 'unknown')));
});

it('a signal takes back what waits, at once, and what is under way is completed', async () => {
  icinga = await Stub.start();
  ({ sender } = senderTo(icinga.port));
  const lost = new AbortController();
  const sent = sendAll(200, lost.signal);
  await icinga.untilAsked(CONNECTIONS * DEPTH);
  let dropped = 0;
  for (const one of sent) one.catch(() => { dropped++; });
  lost.abort();
  // Before anything is answered.
  while (dropped < 200 - CONNECTIONS * DEPTH) await new Promise((resolve) => setImmediate(resolve));
  for (const { response } of icinga.asked) accept(response);
  const outcomes = await Promise.allSettled(sent);
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(CONNECTIONS * DEPTH);
  expect(icinga.asked).toHaveLength(CONNECTIONS * DEPTH);
  expect(getEventListeners(lost.signal, 'abort')).toHaveLength(0);
  await expect(sender.send('h', 's', result(), lost.signal)).rejects.toMatchObject({ code: 'ATS_ICINGA_UNREACHABLE' });
});

it('a signal also ends the wait for a server that is away, and a closed sender fails all it has', async () => {
  icinga = await Stub.start();
  const { port } = icinga;
  icinga.stop();
  await once(icinga.server, 'close');
  const lost = new AbortController();
  let heard: string[];
  ({ sender, heard } = senderTo(port, { retrySeconds: Infinity }));
  const sent = Promise.allSettled(sendAll(10, lost.signal));
  const kept = sender.send('h', 's', result());
  while (heard.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  lost.abort();
  expect((await sent).every(({ status }) => status === 'rejected')).toBe(true);
  icinga = await Stub.start(port);
  icinga.onAsked = ({ response }) => accept(response);
  expect(await kept).toBe('accepted');
  expect(icinga.asked).toHaveLength(1);
  expect(heard).toEqual(['ATS_ICINGA_UNREACHABLE', 'back']);
  icinga.onAsked = () => undefined;
  const held = Promise.allSettled(sendAll(200));
  await icinga.untilAsked(1 + CONNECTIONS * DEPTH);
  sender.close();
  expect((await held).every((outcome) => outcome.status === 'rejected' && isAtsError(outcome.reason, 'ATS_ICINGA_UNREACHABLE'))).toBe(true);
});

it('a server that hangs does not hold up a stop: what is under way fails, however long an attempt may take', async () => {
  icinga = await Stub.start();
  ({ sender } = senderTo(icinga.port));
  const stopping = new AbortController();
  const client = new IcingaClient({
    url: `https://127.0.0.1:${icinga.port}`, ca: certificate('ca.crt').toString(), credentials: { user: 'x', password: 'y' }, timeoutMs: 3_600_000, retrySeconds: Infinity, signal: stopping.signal,
  });
  const held = Promise.allSettled([client.status(), ...Array.from({ length: 500 }, async (_, i) => await client.processCheckResult(`h${i}`, 's', result()))]);
  await icinga.untilAsked(8 * DEPTH);
  stopping.abort();
  expect((await held).every((outcome) => outcome.status === 'rejected' && isAtsError(outcome.reason, 'ATS_ICINGA_UNREACHABLE'))).toBe(true);
});
