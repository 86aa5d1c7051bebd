/**
 * Anchoring under everything that happens to it at once: the worker is killed, also within a write and between send and journal, blocks are undone,
 * nodes lose their pools, prices rise above the ceiling, and of three endpoints one lies and another lags while the log grows.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Transaction } from 'ethers';
import { repositoryRoot } from '#libs/stack';
import { GrowingLog } from '../../../libs/anchor/test/growing-log.js';
import { clean, judge, type Claim, type Verdict } from './judge.js';
import type { ChaosNode } from './node.js';
import { LIES, LyingProxy, type ProxyMode } from '../../../libs/anchor/test/lying-proxy.js';
import { Random } from './random.js';
import type { Fault, LifeOrder, LifeSettings, Window } from './worker-process.js';

export interface ChaosOptions {
  node: ChaosNode;
  seed: number;
  kills: number;
  reorgs: number;
  /** When to give up. */
  seconds: number;
  fault?: Fault;
  /** For a fault that must show for certain, one thing instead of anything. */
  focus?: {
    /** What the first endpoint does all along; the others are honest. */
    lie?: ProxyMode;
    /** Each life ends the first time it comes here; no block is made until the last of them has, and all pools forget. */
    kill?: Window;
    /** Only blocks that the worker has just called final are undone, with as many as can be. */
    undoFinal?: boolean;
  };
  /** Blocks that a worker may take to come to rest after the last kill and reorganisation. */
  patienceBlocks?: number;
  onProgress?: (line: string) => void;
}

export interface ChaosResult extends Verdict {
  ok: boolean;
  /** All that was planned was called final, and the log has nothing more. */
  atRest: boolean;
  kills: number; killsInWindows: number; reorgs: number; lies: number; blocks: number; raised: number; poolsForgotten: number; feeSpikes: number; seconds: number;
  /** Codes of what stood in the way, and how often it was said. */
  problems: Record<string, number>;
}

const PATIENCE_BLOCKS = 400;
const GWEI = 10n ** 9n;
const ALL_WINDOWS: readonly Window[] = ['open', 'write', 'sync', 'close', 'rename', 'renamed', 'sign', 'send', 'sent', 'observed'];

export async function chaos(options: ChaosOptions): Promise<ChaosResult> {
  const run = new Chaos(options);
  try {
    return await run.run();
  } finally {
    await run.close();
  }
}

class Chaos {
  readonly #random: Random;
  readonly #dir = mkdtempSync(join(tmpdir(), 'attestream-chaos-'));
  readonly #log = new GrowingLog(4);
  readonly #sent = new Map<string, Transaction>();
  readonly #started = Date.now();
  readonly #claims: Claim[] = [];
  #proxies: LyingProxy[] = [];
  #worker: ChildProcess | undefined;
  #next: ChildProcess | undefined;
  #read = 0;
  #blocks = 0;
  #lifeEndsAt = Infinity;
  #counts = { kills: 0, killsInWindows: 0, reorgs: 0, poolsForgotten: 0, feeSpikes: 0 };

  constructor(readonly options: ChaosOptions) {
    this.#random = new Random(options.seed);
  }

  async run(): Promise<ChaosResult> {
    const { node, kills, reorgs, onProgress, patienceBlocks = PATIENCE_BLOCKS } = this.options;
    this.#proxies = await Promise.all([0, 1, 2].map(() => new LyingProxy(node.url, this.#sent).listen()));
    writeFileSync(this.#path('key'), node.key, { mode: 0o600 });
    writeFileSync(this.#path('claims'), '');
    this.#grow(0);
    const { lie, kill, undoFinal } = this.options.focus ?? {};
    if (lie) this.#proxies[0]!.become(lie);
    let rerollAt = this.options.focus ? Infinity : 0;
    for (let calm = 0; calm < patienceBlocks && !this.#late();) {
      const chaotic = this.#counts.kills < kills || this.#counts.reorgs < reorgs;
      if (!this.#lives()) await this.#beginLife();
      await this.#roundOrSo();
      if (!this.#lives()) continue;
      if (!kill || this.#counts.kills >= kills) await this.#mine(1);
      const news = this.#listen();
      if (!chaotic) {
        if (!lie && this.#proxies.some(({ mode }) => mode !== 'honest')) await this.#assign([]);
        if (this.#atRest()) break;
        calm += 1;
        continue;
      }
      if (this.#blocks >= rerollAt) {
        await this.#reroll();
        rerollAt = this.#blocks + this.#random.between(8, 25);
      }
      if (this.#random.chance(0.3)) this.#grow(this.#random.between(1, 6));
      if (!this.options.focus && this.#random.chance(0.02)) await this.#spike();
      // a block that an anchor is in is the one worth undoing
      const worth = undoFinal ? Number(news.some(({ type }) => type === 'final')) : news.some(({ type }) => type === 'mined' || type === 'final') ? 0.7 : 0.05;
      if (this.#counts.reorgs < this.#reorgsByNow() && this.#random.chance(worth)) await this.#reorganise();
      if (this.#blocks >= this.#lifeEndsAt) await this.#endLife();
      if (this.#blocks % 100 === 0) onProgress?.(`${this.#blocks} blocks, ${this.#counts.kills} kills, ${this.#counts.reorgs} reorganisations, ${this.#claims.filter(({ type }) => type === 'final').length} final`);
    }
    const atRest = this.#atRest();
    await this.#stopAll();
    await node.mine(2 * node.finalAfter);
    this.#listen();
    const verdict = await judge({ ...node, claims: this.#claims, rootOf: (size) => this.#log.head(size).root.toString('hex') });
    const problems: Record<string, number> = {};
    for (const claim of this.#claims) if ('code' in claim) problems[claim.code] = (problems[claim.code] ?? 0) + 1;
    return {
      ok: atRest && clean(verdict) && this.#counts.kills >= kills && this.#counts.reorgs >= reorgs, atRest, ...verdict, ...this.#counts,
      lies: this.#proxies.reduce((sum, { lies }) => sum + lies, 0), blocks: this.#blocks, raised: this.#claims.filter(({ type }) => type === 'raised').length,
      seconds: Math.round((Date.now() - this.#started) / 1000), problems,
    };
  }

  async close(): Promise<void> {
    await this.#stopAll();
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #path(name: string): string {
    return join(this.#dir, name);
  }

  #late(): boolean {
    return Date.now() - this.#started > this.options.seconds * 1000;
  }

  #grow(entries: number): void {
    this.#log.grow(entries);
    // whole or not at all: the worker reads it at any time, and a rename is what it sees
    writeFileSync(this.#path('size'), String(this.#log.size).padStart(12, '0'));
  }

  async #mine(blocks: number): Promise<void> {
    await this.options.node.mine(blocks);
    this.#blocks += blocks;
  }

  /** Until the worker has looked at the chain once more, so that time goes with it on a slow machine; it may also be stuck or dead. */
  async #roundOrSo(): Promise<void> {
    const rounds = this.#rounds();
    const deadline = Date.now() + 250;
    while (this.#rounds() <= rounds && Date.now() < deadline && this.#lives()) await delay(2);
  }

  #rounds(): number {
    return Math.max(...this.#proxies.map((proxy) => proxy.rounds));
  }

  // --- lives

  #lives(): boolean {
    return this.#worker !== undefined && this.#worker.exitCode === null && this.#worker.signalCode === null;
  }

  /** The next life loads while this one works. */
  async #beginLife(): Promise<void> {
    if (this.#worker) await this.#afterDeath();
    const worker = this.#next ?? this.#spawn();
    this.#worker = worker;
    this.#next = this.#spawn();
    const order: LifeOrder = {};
    this.#lifeEndsAt = Infinity;
    if (this.#counts.kills < this.options.kills) {
      const { kill } = this.options.focus ?? {};
      if (kill) order.kill = { at: kill, nth: 1 };
      else if (this.#random.chance(0.7)) order.kill = { at: this.#random.pick(ALL_WINDOWS), nth: this.#random.between(1, 3) };
      this.#lifeEndsAt = this.#blocks + (order.kill ? 12 : this.#random.between(1, 8));
    }
    const born = this.#claims.filter(({ type }) => type === 'born').length;
    worker.stdin!.write(`${JSON.stringify(order)}\n`);
    while (this.#lives() && !this.#late() && this.#claims.filter(({ type }) => type === 'born').length === born) {
      await delay(5);
      this.#listen();
    }
    if (!this.#lives() && worker.signalCode !== 'SIGKILL') throw new Error(`a worker ended by itself with ${worker.exitCode}`);
  }

  async #endLife(): Promise<void> {
    const gone = new Promise((resolve) => { this.#worker!.once('exit', resolve); });
    if (!this.#lives()) return;
    this.#worker!.kill('SIGKILL');
    await gone;
    this.#counts.killsInWindows -= 1;
  }

  async #afterDeath(): Promise<void> {
    if (this.#worker!.signalCode !== 'SIGKILL') throw new Error(`a worker ended by itself with ${this.#worker!.exitCode}`);
    this.#counts.kills += 1;
    this.#counts.killsInWindows += 1;
    if (this.options.focus?.kill || this.#random.chance(0.3)) {
      if (await this.options.node.forgetPool()) this.#counts.poolsForgotten += 1;
    }
    if (!this.options.focus?.kill) await this.#mine(this.#random.between(0, 4));
    this.#grow(this.#random.between(1, 5));
  }

  #spawn(): ChildProcess {
    const { node, fault } = this.options;
    const settings: LifeSettings = {
      journalFile: this.#path('journal'), keyFile: this.#path('key'), claimsFile: this.#path('claims'), sizeFile: this.#path('size'),
      endpoints: this.#proxies.map(({ url }) => url), chainId: node.chainId, contract: node.contract, logId: node.logId, fault,
    };
    const root = repositoryRoot;
    return spawn(process.execPath, ['--import', join(root, 'bin/typescript.mjs'), join(root, 'test/chaos/anchor/worker-process.ts'), JSON.stringify(settings)], {
      cwd: root, stdio: ['pipe', 'inherit', 'inherit'], env: { ...process.env, NODE_OPTIONS: '' },
    });
  }

  async #stopAll(): Promise<void> {
    for (const child of [this.#worker, this.#next]) {
      if (!child || child.exitCode !== null || child.signalCode !== null) continue;
      const gone = new Promise((resolve) => { child.once('exit', resolve); });
      child.kill('SIGKILL');
      await gone;
    }
  }

  /** What was said since the last time. */
  #listen(): Claim[] {
    const text = readFileSync(this.#path('claims'), 'utf8').slice(this.#read);
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    this.#read += whole.length;
    const news = whole.split('\n').filter(Boolean).map((line) => JSON.parse(line) as Claim);
    this.#claims.push(...news);
    return news;
  }

  #atRest(): boolean {
    const sizes = (...types: Claim['type'][]): number[] => this.#claims.filter((claim) => types.includes(claim.type)).map((claim) => ('size' in claim ? claim.size : 0));
    return Math.max(0, ...sizes('planned')) === this.#log.size && Math.max(0, ...sizes('final', 'adopted', 'overtaken')) === this.#log.size;
  }

  // --- the chain

  /** They are spread over the kills. */
  #reorgsByNow(): number {
    const { kills, reorgs } = this.options;
    return kills === 0 ? reorgs : Math.min(reorgs, Math.ceil((reorgs * (this.#counts.kills + 1)) / kills));
  }

  async #reorganise(): Promise<void> {
    const most = this.options.node.finalAfter - 1;
    if (await this.options.node.reorganise(this.options.focus?.undoFinal ? most : this.#random.between(1, most))) this.#counts.reorgs += 1;
  }

  async #spike(): Promise<void> {
    if (await this.options.node.raiseBaseFee(BigInt(this.#random.between(20, 150)) * GWEI)) this.#counts.feeSpikes += 1;
  }

  // --- the endpoints

  async #reroll(): Promise<void> {
    const [liar, laggard] = this.#shuffled();
    const modes: [LyingProxy, ProxyMode][] = [];
    if (this.#random.chance(0.8)) modes.push([liar!, this.#random.pick(LIES)]);
    if (this.#random.chance(0.5)) modes.push([laggard!, 'lagging']);
    await this.#assign(modes);
  }

  /**
   * One endpoint lies at a time, also within one look of the worker: between two liars all are honest until a look has begun anew.
   */
  async #assign(modes: readonly [LyingProxy, ProxyMode][]): Promise<void> {
    for (const proxy of this.#proxies) proxy.become('honest');
    for (let i = 0; i < 2; i++) await this.#roundOrSo();
    for (const [proxy, mode] of modes) proxy.become(mode, this.#random.between(1, 4));
  }

  #shuffled(): LyingProxy[] {
    const from = this.#random.between(0, 2);
    const step = this.#random.between(1, 2);
    return [0, 1, 2].map((i) => this.#proxies[(from + i * step) % 3]!);
  }
}
