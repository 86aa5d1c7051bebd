import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { HEAP_FLAGS } from '../../apps/cli/src/setup/apps.js';
import { until } from './gate-until.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly url?: string;
  readonly code?: string;
  readonly [field: string]: unknown;
}

/** An app, the gate unless another is named, as a process of its own, over as many lives as a test gives it. */
export class GateProcess {
  /** What all its lives have logged. */
  readonly lines: LogLine[] = [];
  stderr = '';
  #child: ChildProcess | undefined;
  #lineOfLife = 0;

  /** @param from the sources, or what `make build` made of them and operators run */
  constructor(private readonly env: Readonly<Record<string, string>>, private readonly app = 'proof-gate', private readonly from: 'source' | 'dist' = 'source') {}

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when health answers. */
  async start(): Promise<void> {
    this.#lineOfLife = this.lines.length;
    const program = this.from === 'source' ? ['--import', './bin/typescript.mjs', `apps/${this.app}/src/main.ts`] : [...HEAP_FLAGS, '--enable-source-maps', `dist/apps/${this.app}/src/main.js`];
    const child = spawn(process.execPath, program, {
      cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ATTESTREAM_HTTP_PORT: '0', ...this.env },
    });
    this.#child = child;
    createInterface(child.stdout).on('line', (text) => {
      if (text.startsWith('{')) this.lines.push(JSON.parse(text) as LogLine);
    });
    child.stderr.on('data', (text) => { this.stderr += String(text); });
    await this.line('health and metrics answer', 180_000); // its sources are compiled first
  }

  /** The first line of this life that begins like this. */
  async line(msg: string, milliseconds = 60_000): Promise<LogLine> {
    const find = () => this.lines.slice(this.#lineOfLife).find((line) => line.msg.startsWith(msg));
    await until(`the line "${msg}" of ${this.app}`, () => {
      if (find() === undefined) this.#requireAlive();
      return find() !== undefined;
    }, milliseconds);
    return find()!;
  }

  async get(path: string): Promise<Response> {
    return await fetch((await this.line('health and metrics answer')).url! + path);
  }

  /** Resolves when the gate waits for nothing. */
  async ready(): Promise<void> {
    let last = '';
    const isReady = async () => {
      this.#requireAlive();
      try {
        const response = await this.get('/health/ready');
        last = await response.text();
        return response.ok;
      } catch (error) {
        last = String(error); // it may be ending; then the next look says so
        return false;
      }
    };
    await until(`${this.app} is ready`, isReady, 90_000).catch((error: unknown) => { throw new Error(`${String(error)}; it waits for ${last}`); });
  }

  /** The value of a sample of /metrics; 0 when there is none. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const text = await (await this.get('/metrics')).text();
    const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) && Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`)));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  #requireAlive(): void {
    if (this.#child?.exitCode !== null) throw new Error(`${this.app} ended with ${this.#child?.exitCode}: ${this.stderr}`);
  }

  /** Waits until it ends by itself. Returns the exit code, null after a signal. */
  async ended(): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    return ((await once(child, 'close')) as [number | null])[0];
  }

  /** Sends a signal and waits for the end. Returns the exit code, null after a signal. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const ended = this.ended();
    this.#child?.kill(signal);
    return await ended;
  }
}
