import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { Agent, request } from 'undici';
import { freePorts, startIcinga, type IcingaPart } from '#libs/stack';
import { IcingaClient, ObjectRegistry, prepareIcingaNode, readCredentials, type CheckResult } from './index.js';

jest.setTimeout(60_000);

const dir = mkdtempSync(join(tmpdir(), 'icinga-'));
const HOSTS = ['a'.repeat(64), 'b'.repeat(64)] as const;
let port: number;
let node: IcingaPart;
let sink: IcingaClient;
let viewer: IcingaClient;

const connect = (file: string, options: object = {}) =>
  new IcingaClient({ url: node.url, ca: readFileSync(node.caFile, 'utf8'), credentials: readCredentials(file), retrySeconds: 20, ...options });
const result = (state: 0 | 1 | 2, output = 'proven', freshMs = 60_000): CheckResult =>
  ({ state, output, performanceData: [`epoch=${state}`], freshUntil: Date.now() + freshMs });

async function until<T>(read: () => Promise<T>, holds: (value: T) => boolean, seconds = 40): Promise<T> {
  for (const end = Date.now() + seconds * 1_000; ; await delay(100)) {
    const value = await read();
    if (holds(value)) return value;
    if (Date.now() > end) throw new Error(`still ${JSON.stringify(value)}`);
  }
}
const stateOf = async (service: string, host: string = HOSTS[0]) =>
  (await viewer.services()).find((view) => view.host === host && view.service === service);

beforeAll(async () => {
  [port] = (await freePorts(1)) as [number];
  node = await startIcinga({ dir, port });
  sink = connect(node.sinkCredentialsFile);
  viewer = connect(node.viewerCredentialsFile);
});
afterAll(async () => {
  await Promise.all([sink.close(), viewer.close()]);
  await node.stop();
  rmSync(dir, { recursive: true });
});

describe('the node', () => {
  it('keeps its CA and passwords when it is prepared again, and shows its secrets to its owner alone', async () => {
    const files = [node.caFile, node.sinkCredentialsFile, node.viewerCredentialsFile];
    const before = files.map((file) => readFileSync(file, 'utf8'));
    // Prepared beside the running one: a second start on the same data would be no different.
    const again = await prepareIcingaNode({ dir, port, confDir: join(import.meta.dirname, '../../../icinga') });
    expect(files.map((file) => readFileSync(file, 'utf8'))).toEqual(before);
    for (const file of [...files.slice(1), join(dir, 'icinga2.conf'), join(dir, 'data/certs/localhost.key'), join(dir, 'data/certs/ca.key')]) {
      expect([file, statSync(file).mode & 0o077]).toEqual([file, 0]);
    }
    expect(again.args.join(' ')).not.toContain(before[1]!.trim().split(':')[1]);
  });

  it('says that the CA is wrong instead of talking to a stranger', async () => {
    const other = connect(node.viewerCredentialsFile, { ca: undefined, retrySeconds: 0 });
    await expect(other.status()).rejects.toMatchObject({ code: 'ATS_ICINGA_UNREACHABLE', why: expect.stringMatching(/certificate|self-signed/) });
    await other.close();
  });
});

describe('objects', () => {
  it('creates what is missing once, though asked by many at the same time', async () => {
    const createHost = jest.spyOn(sink, 'createHost');
    const createService = jest.spyOn(sink, 'createService');
    const registry = new ObjectRegistry(sink);
    await registry.load();
    expect(registry.size).toBe(0);
    await Promise.all(Array.from({ length: 20 }, (_, i) => registry.ensure(HOSTS[0], i % 2 === 0 ? 'load' : 'open-files')));
    expect([createHost.mock.calls.length, createService.mock.calls.length, registry.size]).toEqual([1, 2, 2]);
    const successor = new ObjectRegistry(sink);
    await successor.load();
    expect(successor.size).toBe(2);
    await successor.ensure(HOSTS[0], 'load');
    expect(createHost).toHaveBeenCalledTimes(1);
    jest.restoreAllMocks();
  });

  it('an object that is there already is no failure', async () => {
    expect([await sink.createHost(HOSTS[0], ['household']), await sink.createService(HOSTS[0], 'load', ['telemetry'])]).toEqual([false, false]);
  });

  it('a result for an unknown service is answered, not thrown', async () => {
    expect(await sink.processCheckResult(HOSTS[0], 'nothing', result(0))).toBe('unknown');
  });

  it('a service deleted behind the registry is made again', async () => {
    const registry = new ObjectRegistry(sink);
    await registry.ensure(HOSTS[1], 'load');
    jest.spyOn(sink, 'processCheckResult').mockResolvedValueOnce('unknown');
    await expect(registry.submit(HOSTS[1], 'load', result(1))).resolves.toBe('accepted');
    jest.restoreAllMocks();
  });

  it('a service of that name which is not ours is a refusal, not an endless loop', async () => {
    await expect(new ObjectRegistry(sink).submit(HOSTS[0], 'Household', result(0))).rejects.toMatchObject({ code: 'ATS_ICINGA_REFUSED' });
  });
});

describe('results', () => {
  it.each([[0, 'OK'], [1, 'WARNING'], [2, 'CRITICAL']] as const)('state %i is shown as %s with output and performance data', async (state, name) => {
    await sink.processCheckResult(HOSTS[0], 'load', result(state, `proven ${name}`));
    expect(await stateOf('load')).toMatchObject({ state: name, output: `proven ${name}`, performanceData: [`epoch=${state}`], active: false });
  });

  it('silence turns UNKNOWN by itself when the ttl has passed', async () => {
    await sink.processCheckResult(HOSTS[0], 'open-files', result(0, 'proven', 1_500));
    expect(await stateOf('open-files')).toMatchObject({ state: 'OK' });
    expect(await until(() => stateOf('open-files'), (view) => view?.state === 'UNKNOWN')).toMatchObject({ active: true, output: expect.stringContaining('silent') });
  });

  it('an expired result never reaches Icinga2', async () => {
    await sink.processCheckResult(HOSTS[0], 'load', result(1, 'fresh'));
    expect(await sink.processCheckResult(HOSTS[0], 'load', result(2, 'stale', -1))).toBe('expired');
    expect(await stateOf('load')).toMatchObject({ output: 'fresh' });
  });

  it('Icinga2 ignores, and accepts, an execution older than its last', async () => {
    await sink.processCheckResult(HOSTS[0], 'load', result(0, 'now'));
    expect(await sink.processCheckResult(HOSTS[0], 'load', { ...result(2, 'before'), executionStart: Date.now() - 30_000 })).toBe('accepted');
    expect(await stateOf('load')).toMatchObject({ state: 'OK', output: 'now' });
  });

  it('the household shows the worst of its streams, and is DOWN only when none is heard', async () => {
    const all = async () => JSON.parse((await ask('viewer', 'GET', '/v1/objects/services?attrs=state&attrs=host_name&filter=service.name=="Household"')).body) as
      { results: { attrs: { host_name: string; state: number } }[] };
    const household = async () => (await all()).results.find(({ attrs }) => attrs.host_name === HOSTS[1])?.attrs.state;
    // Said again until the household's own check, each 15 s, has met it.
    const worst = async () => {
      await sink.processCheckResult(HOSTS[1], 'load', result(2, 'bad', 3_000));
      return await household();
    };
    expect(await until(worst, (state) => state === 2, 40)).toBe(2);
    await until(() => viewer.hosts(), (hosts) => hosts.some(({ host, state }) => host === HOSTS[1] && state === 'DOWN'), 40);
    await until(() => viewer.hosts(), (hosts) => hosts.some(({ host, state }) => host === HOSTS[0] && state === 'UP'), 40);
  });
});

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
const agent = () => new Agent({ connect: { ca: readFileSync(node.caFile, 'utf8') } });

async function ask(user: 'sink' | 'viewer', method: Method, path: string, body?: object): Promise<{ status: number; body: string }> {
  const credentials = readFileSync(user === 'sink' ? node.sinkCredentialsFile : node.viewerCredentialsFile, 'utf8').trim();
  const dispatcher = agent();
  const response = await request(`${node.url}${encodeURI(path)}`, {
    method, dispatcher, ...(body && { body: JSON.stringify(body) }),
    headers: { accept: 'application/json', authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
  });
  const answer = { status: response.statusCode, body: await response.body.text() };
  await dispatcher.close();
  return answer;
}

describe('least permission', () => {
  const forbidden: { method: Method; path: string; body?: object }[] = [
    { method: 'POST', path: '/v1/actions/restart-process' },
    { method: 'POST', path: '/v1/actions/shutdown-process' },
    { method: 'POST', path: `/v1/actions/acknowledge-problem?service=${HOSTS[0]}!load`, body: { author: 'x', comment: 'x' } },
    { method: 'POST', path: `/v1/actions/schedule-downtime?host=${HOSTS[0]}`, body: { author: 'x', comment: 'x', start_time: 0, end_time: 1, type: 'Host' } },
    { method: 'POST', path: `/v1/actions/process-check-result?host=${HOSTS[0]}`, body: { exit_status: 1, plugin_output: 'x' } },
    { method: 'POST', path: `/v1/actions/process-check-result?service=${HOSTS[0]}!Household`, body: { exit_status: 0, plugin_output: 'x' } },
    { method: 'POST', path: `/v1/actions/execute-command?service=${HOSTS[0]}!load`, body: { ttl: 10, command: 'dummy' } },
    { method: 'PUT', path: '/v1/objects/users/mallory', body: {} },
    { method: 'PUT', path: '/v1/objects/apiusers/mallory', body: { attrs: { password: 'x', permissions: ['*'] } } },
    { method: 'PUT', path: '/v1/objects/checkcommands/mallory', body: { attrs: { command: ['/bin/true'] } } },
    { method: 'POST', path: `/v1/objects/services/${HOSTS[0]}!load`, body: { attrs: { 'vars.x': 1 } } },
    { method: 'DELETE', path: `/v1/objects/hosts/${HOSTS[0]}?cascade=1` },
    { method: 'GET', path: '/v1/objects/apiusers' },
    { method: 'POST', path: '/v1/config/packages/mallory' },
    { method: 'POST', path: '/v1/console/execute-script?command=1', body: {} },
    { method: 'GET', path: '/v1/variables' },
    { method: 'POST', path: '/v1/events', body: { queue: 'x', types: ['CheckResult'] } },
  ];
  it.each(forbidden)('neither user may $method $path', async ({ method, path, body }) => {
    for (const user of ['sink', 'viewer'] as const) {
      const { status } = await ask(user, method, path, body);
      expect([user, status >= 400]).toEqual([user, true]);
    }
  });

  it('the viewer can neither submit nor create', async () => {
    await expect(new ObjectRegistry(viewer).submit(HOSTS[0], 'load', result(0))).rejects.toMatchObject({ code: 'ATS_ICINGA_REFUSED' });
    expect(await viewer.processCheckResult(HOSTS[0], 'load', result(0))).toBe('unknown');
    await expect(viewer.createHost('c'.repeat(64), ['household'])).rejects.toMatchObject({ code: 'ATS_ICINGA_REFUSED' });
  });

  it('a wrong password is a refusal', async () => {
    const stranger = connect(node.sinkCredentialsFile, { credentials: { user: 'sink', password: 'guess' } });
    await expect(stranger.status()).rejects.toMatchObject({ code: 'ATS_ICINGA_REFUSED' });
    await stranger.close();
  });
});

describe('outages', () => {
  beforeAll(async () => { await new ObjectRegistry(sink).ensure(HOSTS[0], 'load'); });

  it('a reload loses no call', async () => {
    const { programStart } = await sink.status();
    node.kill('SIGHUP');
    let submitted = 0;
    await until(async () => {
      expect(await sink.processCheckResult(HOSTS[0], 'load', result(submitted % 2 === 0 ? 0 : 1, `result ${++submitted}`))).toBe('accepted');
      return (await sink.status()).programStart;
    }, (start) => start !== programStart);
    await sink.processCheckResult(HOSTS[0], 'load', result(2, 'after the reload'));
    expect(await stateOf('load')).toMatchObject({ state: 'CRITICAL', output: 'after the reload' });
  });

  it('a call outlasts a restart, tells of the outage once, and idle connections are not reused after Icinga2 closed them', async () => {
    const heard: string[] = [];
    const patient = connect(node.sinkCredentialsFile, { onOutage: ({ code }: { code: string }) => heard.push(code), onRecovery: () => heard.push('back') });
    await patient.status();
    node.kill('SIGKILL');
    await node.exited;
    const calls = Promise.all(Array.from({ length: 30 }, () => patient.status()));
    node = await startIcinga({ dir, port });
    await calls;
    await delay(11_000); // Icinga2 closes idle connections after 10 s
    await patient.status();
    expect(heard).toEqual(['ATS_ICINGA_UNREACHABLE', 'back']);
    await patient.close();
  });

  it('503 is waited out with the same request, and ends in one line when it lasts', async () => {
    const cert = (name: string) => readFileSync(join(dir, 'data/certs', name));
    const bodies: string[] = [];
    let busy = 3;
    const server = createServer({ key: cert('localhost.key'), cert: cert('localhost.crt') }, (incoming, response) => {
      let body = '';
      incoming.on('data', (chunk) => { body += String(chunk); }).on('end', () => {
        bodies.push(body);
        response.statusCode = busy-- > 0 ? 503 : 200;
        response.end(JSON.stringify(response.statusCode === 503 ? { error: 503, status: 'Icinga is reloading.' } : { results: [{ code: 200 }] }));
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const client = connect(node.sinkCredentialsFile, { url, retrySeconds: 2 });
    expect(await client.processCheckResult('h', 's', result(2))).toBe('accepted');
    expect(bodies.map((body) => (JSON.parse(body) as { exit_status: number }).exit_status)).toEqual([2, 2, 2, 2]);
    // What remains of the state's time is told, not what remained at first.
    const ttls = bodies.map((body) => (JSON.parse(body) as { ttl: number }).ttl);
    expect(ttls).toEqual(ttls.toSorted((a, b) => b - a));
    expect(new Set(ttls).size).toBe(4);
    busy = Infinity;
    await expect(client.status()).rejects.toMatchObject({ code: 'ATS_ICINGA_UNREACHABLE', why: expect.stringContaining('503') });
    await client.close();
    server.close();
  });

  it('a stop ends the wait', async () => {
    const stop = new AbortController();
    const gone = new IcingaClient({ url: 'https://127.0.0.1:1', ca: '', credentials: { user: 'x', password: 'x' }, retrySeconds: Infinity, signal: stop.signal });
    const call = gone.status();
    setTimeout(() => stop.abort(), 200);
    await expect(call).rejects.toMatchObject({ code: 'ATS_ICINGA_UNREACHABLE' });
    await gone.close();
  });
});
