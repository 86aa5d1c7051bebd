import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startPart, type Part } from '#libs/stack';
import { until } from '../../support/gate-until.js';
import type { InsideSettings, Trap } from './fault.js';

export interface AppLifeParameters {
  /** Its name in this run, and of its files. */
  name: string;
  app: 'proof-gate' | 'icinga-sink' | 'chain-anchor' | 'chain-indexer';
  /** As {@link buildApps} made it. */
  build: string;
  /** Of its log, traps and notes. */
  dir: string;
  port: number;
  env: Readonly<Record<string, string>>;
  /** Whether its transactions can be struck from within. */
  traps?: boolean;
}

/** How long a trap may take to be sprung: a gate without input has no transaction. */
const TRAP_PATIENCE_MS = 3_000;
const READY_POLL_MS = 100;
const STOP_SECONDS = 20;

/** An app through all its lives: whenever it ends, and that was not asked for, it is started again at once, as a supervisor does. */
export class AppLife {
  /** Ends that nobody asked for, in words. */
  readonly ownEnds: string[] = [];
  #part: Part | undefined;
  #keeping: Promise<void> = Promise.resolve();
  #supervised = false;
  /** This life has been ready once. */
  #worked = false;
  #asked: Part | undefined;

  constructor(readonly parameters: AppLifeParameters) {
    mkdirSync(parameters.dir, { recursive: true });
  }

  get name(): string {
    return this.parameters.name;
  }

  get pid(): number | undefined {
    return this.#part?.pid;
  }

  get alive(): boolean {
    return this.#part !== undefined;
  }

  file(kind: 'log' | 'traps' | 'notes' | 'member' | 'hold'): string {
    return join(this.parameters.dir, `${this.name}.${kind}`);
  }

  /** Starts it and keeps it running; without `supervised`, its end is the end. */
  async start({ supervised = true } = {}): Promise<void> {
    this.#supervised = supervised;
    this.#part = await this.#spawn();
    this.#keeping = this.#keep(this.#part);
  }

  /** Resolves when it has been ready since its last start. */
  async works(milliseconds = 60_000): Promise<void> {
    let seen = '';
    await until(`${this.name} is ready`, async () => {
      if (this.#worked) return true;
      const part = this.#part;
      seen = await this.#readiness();
      if (seen === '' && part === this.#part) this.#worked = true;
      else await delay(READY_POLL_MS);
      return this.#worked;
    }, milliseconds).catch((error: unknown) => { throw new Error(`${String(error)}; it waits for ${seen}`); });
  }

  /** SIGKILL, from within when a trap is given and sprung in time. Resolves when this life is over. */
  async kill(trap?: Trap['at']): Promise<void> {
    await until(`a life of ${this.name}`, () => this.alive);
    const part = this.#part!;
    this.#asked = part;
    if (trap !== undefined) {
      this.setTraps({ at: trap, signal: 'SIGKILL' });
      await Promise.race([part.exited, delay(TRAP_PATIENCE_MS)]);
      this.setTraps();
    }
    part.kill('SIGKILL');
    await part.exited;
  }

  /** SIGSTOP, from within when a trap is given and sprung in time. Resolves when it stands still. */
  async freeze(trap?: Trap['at']): Promise<void> {
    await until(`a life of ${this.name}`, () => this.alive);
    const part = this.#part!;
    if (trap !== undefined) {
      this.setTraps({ at: trap, signal: 'SIGSTOP' });
      await until('the trap', () => isFrozen(part.pid) || part !== this.#part, TRAP_PATIENCE_MS).catch(() => undefined);
      this.setTraps();
    }
    part.kill('SIGSTOP');
    await until(`${this.name} stands still`, () => isFrozen(part.pid) || part !== this.#part);
  }

  thaw(): void {
    this.#part?.kill('SIGCONT');
  }

  isFrozen(): boolean {
    return this.pid !== undefined && isFrozen(this.pid);
  }

  /** Lets `early-offset` wait between the offset and the producer, until {@link release}. */
  hold(): void {
    writeFileSync(this.file('hold'), '');
  }

  release(): void {
    rmSync(this.file('hold'), { force: true });
  }

  /** In place of those that were set; none disarms. */
  setTraps(...traps: Trap[]): void {
    writeFileSync(`${this.file('traps')}.new`, JSON.stringify(traps));
    renameSync(`${this.file('traps')}.new`, this.file('traps'));
  }

  /** The member id that it wrote down when it joined its group. */
  memberId(): string | undefined {
    return existsSync(this.file('member')) ? readFileSync(this.file('member'), 'utf8') || undefined : undefined;
  }

  notes(): string[] {
    return existsSync(this.file('notes')) ? readFileSync(this.file('notes'), 'utf8').split('\n').filter(Boolean) : [];
  }

  /** SIGTERM, or SIGKILL when it takes too long; no further life. */
  async stop(): Promise<void> {
    this.#supervised = false;
    this.#asked = this.#part;
    this.thaw();
    await this.#part?.stop();
    await this.#keeping;
  }

  /** Resolves when an unsupervised life is over. */
  async ended(): Promise<void> {
    await this.#keeping;
  }

  async #spawn(): Promise<Part> {
    const { name, app, build, port, env, traps } = this.parameters;
    this.#worked = false;
    const inside: InsideSettings = { CHAOS_TRAPS: this.file('traps'), CHAOS_NOTES: this.file('notes'), CHAOS_HOLD: this.file('hold') };
    return await startPart({
      name,
      program: process.execPath,
      args: [...(traps ? ['--import', join(build, 'test/chaos/gate/inside.js')] : []), join(build, 'apps', app, 'src/main.js')],
      cwd: this.parameters.dir,
      env: { NODE_OPTIONS: '', ATTESTREAM_HTTP_PORT: String(port), ...(traps && { ...inside }), ...env },
      logFile: this.file('log'),
      ready: () => true,
      stopSeconds: STOP_SECONDS,
    });
  }

  async #keep(first: Part): Promise<void> {
    for (let part: Part | undefined = first; part;) {
      const { code, signal } = await part.exited;
      this.#part = undefined;
      if (this.#asked !== part) this.ownEnds.push(`${this.name}: ${signal ?? `exit code ${code}`}: ${this.lastWords()}`);
      part = this.#supervised ? await this.#spawn() : undefined;
      this.#part = part;
    }
  }

  lastWords(lines = 2): string {
    return readFileSync(this.file('log'), 'utf8').trimEnd().split('\n').slice(-lines).join(' / ').slice(-600);
  }

  /** What it waits for; '' when for nothing. */
  async #readiness(): Promise<string> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.parameters.port}/health/ready`, { signal: AbortSignal.timeout(2_000) });
      const text = await response.text();
      return response.ok ? '' : text;
    } catch (error) {
      return String(error); // not listening yet: asked again
    }
  }
}

function isFrozen(pid: number): boolean {
  try {
    return /\) T /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
