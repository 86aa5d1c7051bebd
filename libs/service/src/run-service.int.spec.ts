import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));

interface Line {
  level?: string;
  msg: string;
  url?: string;
  code?: string;
  [field: string]: unknown;
}

/** The sample app as a process of its own. */
class Sample {
  readonly lines: Line[] = [];
  readonly ended: Promise<number | null>;
  stderr = '';
  stdout = '';
  private readonly child: ChildProcessByStdio<null, Readable, Readable>;
  private readonly news: { wake: () => void } = { wake: () => undefined };

  constructor(env: Record<string, string> = {}, args: string[] = []) {
    this.child = spawn(process.execPath, ['--import', './bin/typescript.mjs', 'libs/service/test/sample-app.ts', ...args], {
      cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], ATTESTREAM_HTTP_PORT: '0', ...env },
    });
    createInterface(this.child.stdout).on('line', (text) => {
      this.stdout += `${text}\n`;
      if (text.startsWith('{')) this.lines.push(JSON.parse(text) as Line);
      this.news.wake();
    });
    this.child.stderr.on('data', (text) => { this.stderr += String(text); });
    this.ended = once(this.child, 'close').then(([code]) => { this.news.wake(); return code as number | null; });
  }

  async line(msg: string): Promise<Line> {
    for (;;) {
      const found = this.lines.find((line) => line.msg.startsWith(msg));
      if (found !== undefined) return found;
      if (this.child.exitCode !== null) throw new Error(`ended without "${msg}": ${this.stdout}${this.stderr}`);
      await new Promise<void>((resolve) => { this.news.wake = resolve; });
    }
  }

  async get(path: string): Promise<Response> {
    const { url } = await this.line('health and metrics answer');
    return await fetch(url! + path);
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }
}

let sample: Sample;
afterEach(async () => {
  sample.signal('SIGKILL');
  await sample.ended;
});

it('answers health and metrics, hands batches to handlers, and stops gracefully on SIGTERM', async () => {
  sample = new Sample();
  expect(await (await sample.get('/health/live')).json()).toEqual({ live: true });
  await sample.line('handled');
  const ready = await sample.get('/health/ready');
  expect([ready.status, await ready.json()]).toEqual([200, { ready: true, waitingFor: {} }]);
  const metrics = await (await sample.get('/metrics')).text();
  expect(metrics).toContain('attestream_ready{app="sample"} 1');
  expect(metrics).toContain('process_cpu_seconds_total');
  expect(await sample.line('handled')).toMatchObject({ level: 'info', app: 'sample', batch: [1, 2, 3], does: 'work' });
  sample.signal('SIGTERM');
  expect(await sample.ended).toBe(0);
  expect(sample.lines.map(({ msg }) => msg)).toEqual(['health and metrics answer', 'handled', 'stopping', 'drained', 'closed', 'stopped']);
  expect(sample.stderr).toBe('');
});

it('says what it waits for, and logs an outage once when it begins and once when it is over', async () => {
  sample = new Sample({ ATTESTREAM_SAMPLE_DOES: 'outage' });
  await sample.line('ATS_BROKER_UNREACHABLE');
  const waiting = await sample.get('/health/ready');
  expect(waiting.status).toBe(503);
  expect(await waiting.json()).toMatchObject({ ready: false, waitingFor: { broker: expect.stringContaining('ATS_BROKER_UNREACHABLE') as string } });
  await sample.line('broker is back');
  expect((await sample.get('/health/ready')).status).toBe(200);
  sample.signal('SIGINT');
  expect(await sample.ended).toBe(0);
  expect(sample.lines.filter(({ dependency }) => dependency === 'broker').map(({ level }) => level)).toEqual(['warn', 'info']);
});

it('--help prints every key and exits 0', async () => {
  sample = new Sample({}, ['--help']);
  expect(await sample.ended).toBe(0);
  expect(sample.stdout).toContain('ATTESTREAM_HTTP_PORT');
  expect(sample.stdout).toContain('ATTESTREAM_SAMPLE_DOES');
});

it('names each wrong key in one line on stderr and exits 1', async () => {
  sample = new Sample({ ATTESTREAM_HTTP_PORT: 'x', ATTESTREAM_LOG_LEVEL: 'loud' });
  expect(await sample.ended).toBe(1);
  const lines = sample.stderr.trim().split('\n');
  expect(lines).toEqual([expect.stringMatching(/ATTESTREAM_HTTP_PORT is "x", expected a whole number from 0 to 65535/), expect.stringMatching(/ATTESTREAM_LOG_LEVEL is "loud", expected one of fatal/)]);
});

it.each([
  ['refuse', 'ATS_TOPIC_MISMATCH', 'telemetry has 3 partitions'],
  ['throw', 'ATS_INTERNAL', 'TypeError: no such thing'],
  ['reject', 'ATS_INTERNAL', 'Error: nobody waits'],
])('an error of its own ends it with one line and 1: %s', async (does, code, why) => {
  sample = new Sample({ ATTESTREAM_SAMPLE_DOES: does });
  expect(await sample.ended).toBe(1);
  expect(sample.stderr.trim().split('\n')).toEqual([expect.stringMatching(new RegExp(`^${code}: .*${why}`))]);
  expect(sample.lines.at(-1)).toMatchObject({ level: 'fatal', code });
  expect(sample.stdout).not.toContain('sample-app.ts');
});

it('shows the stack of an unexpected error at level debug', async () => {
  sample = new Sample({ ATTESTREAM_SAMPLE_DOES: 'throw', ATTESTREAM_LOG_LEVEL: 'debug' });
  expect(await sample.ended).toBe(1);
  expect(sample.stdout).toContain('sample-app.ts');
});

it('work that does not end is left at a second signal', async () => {
  sample = new Sample({ ATTESTREAM_SAMPLE_DOES: 'hang' });
  await sample.line('handled');
  sample.signal('SIGTERM');
  await sample.line('stopping');
  sample.signal('SIGTERM');
  expect(await sample.ended).toBe(1);
});

it('work that does not end is left after the deadline, with its line', async () => {
  sample = new Sample({ ATTESTREAM_SAMPLE_DOES: 'hang' });
  await sample.line('handled');
  sample.signal('SIGTERM');
  expect(await sample.ended).toBe(1);
  expect(sample.stderr).toBe('ATS_INTERNAL: an unexpected failure: it did not stop within 5 s. Please report it with the log.\n');
});

it('names a port that is taken', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  sample = new Sample({ ATTESTREAM_HTTP_PORT: String(port) });
  expect(await sample.ended).toBe(1);
  expect(sample.stderr).toContain(`ATS_PORT_IN_USE: a port is taken: 127.0.0.1:${port}. Free it or set ATTESTREAM_HTTP_PORT.`);
  other.close();
});
