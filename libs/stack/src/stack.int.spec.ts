import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { answers, freePorts, startAnvil, startIcinga, startKafka, startPart, startRegistry } from './index.js';

let dir: string;
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'stack-')); });
afterEach(() => rmSync(dir, { recursive: true, force: true }));

async function rpc(url: string, method: string, ...params: unknown[]): Promise<{ number: string; hash: string }> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) });
  return ((await response.json()) as { result: { number: string; hash: string } }).result;
}

it('a stopped broker goes on from its data, and its port is free in between', async () => {
  const [port, controllerPort] = await freePorts(2) as [number, number];
  for (const _ of [1, 2]) {
    const kafka = await startKafka({ dir, port, controllerPort, heapMiB: 256 });
    expect(await answers(port)).toBe(true);
    await kafka.stop();
    expect(await answers(port)).toBe(false);
  }
}, 120_000);

it('the registry keeps the id of a schema over a restart', async () => {
  const [port, managementPort] = await freePorts(2) as [number, number];
  const ids: unknown[] = [];
  for (const _ of [1, 2]) {
    const registry = await startRegistry({ dir, port, managementPort });
    const response = await fetch(`${registry.url}/subjects/probe-value/versions`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ schema: '"string"' }) });
    ids.push(await response.json());
    await registry.stop();
  }
  expect(ids[0]).toEqual({ id: expect.any(Number) });
  expect(ids[1]).toEqual(ids[0]);
}, 180_000);

it('the chain finalizes without traffic and keeps a finalized block over SIGKILL', async () => {
  const [port] = await freePorts(1) as [number];
  const finalizedAbove = async (url: string, height: number) => {
    for (;;) {
      const block = await rpc(url, 'eth_getBlockByNumber', 'finalized', false);
      if (Number(block.number) > height) return block;
      await delay(200);
    }
  };
  const first = await startAnvil({ dir, port, blockTimeSeconds: 1 });
  const block = await finalizedAbove(first.url, 1);
  first.kill('SIGKILL');
  await first.exited;
  const second = await startAnvil({ dir, port, blockTimeSeconds: 1 });
  expect((await rpc(second.url, 'eth_getBlockByNumber', block.number, false)).hash).toBe(block.hash);
  await finalizedAbove(second.url, Number(block.number));
  await second.stop();
}, 60_000);

it('Icinga2 answers its viewer over TLS, also after SIGKILL', async () => {
  const [port] = await freePorts(1) as [number];
  for (const last of [false, true]) {
    const icinga = await startIcinga({ dir: join(dir, 'icinga'), port });
    const dispatcher = new Agent({ connect: { ca: readFileSync(icinga.caFile) } });
    const credentials = readFileSync(icinga.viewerCredentialsFile, 'utf8').trim();
    const { statusCode, body } = await request(`${icinga.url}/v1/status/IcingaApplication`, {
      dispatcher, headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` } });
    expect(statusCode).toBe(200);
    await body.dump();
    await dispatcher.close();
    if (last) await icinga.stop();
    else icinga.kill('SIGKILL');
    await icinga.exited;
    expect(await answers(port)).toBe(false);
  }
}, 60_000);

it('a part that ends while it starts is reported with its last words', async () => {
  const logFile = join(dir, 'x.log');
  await expect(startPart({ name: 'x', program: '/bin/sh', args: ['-c', 'echo no such thing; exit 3'], logFile, ready: () => false }))
    .rejects.toThrow(/ATS_PART_FAILED.*x: it ended with exit code 3: no such thing/);
});

it('a part that ignores SIGTERM is gone after its grace', async () => {
  const part = await startPart({ name: 'deaf', program: '/bin/sh', args: ['-c', 'trap "" TERM; echo up; while :; do sleep 1; done'], logFile: join(dir, 'x.log'),
    ready: (log) => log().includes('up'), stopSeconds: 1 });
  await part.stop();
  expect(await part.exited).toEqual({ code: null, signal: 'SIGKILL' });
});
