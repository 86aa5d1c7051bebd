import { fork, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { KafkaRecord } from '#libs/events';
import { ensureTopics, EventProducer, LogReader, type KafkaClient } from '../src/index.js';
import { LogSession } from '../src/log-session.js';
import { until } from './broker.js';
import type { Trap } from './trap.js';
import { violations } from './verify.js';

const PARTITIONS = 4;
const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);

export interface Happened { id: string; kind: string; why?: string; partition?: number }

/** Workers under a supervisor that always restarts them, input for them, and the verdict over what they made of it. */
export class Chaos {
  readonly happened: Happened[] = [];
  readonly #workers = new Map<string, ChildProcess>();
  readonly #reader: LogReader;
  readonly #session: LogSession;
  readonly #over = new AbortController();
  #sending: Promise<number> | undefined;
  #watching: Promise<string[]> | undefined;
  #supervising = true;

  constructor(private readonly kafka: KafkaClient, private readonly worker: string, private readonly dir: string, private readonly name: string) {
    this.#reader = new LogReader(kafka, { patienceMs: 20_000 });
    this.#session = new LogSession(kafka, 'evictor');
  }

  async begin(): Promise<void> {
    const config = { 'message.timestamp.type': 'LogAppendTime' };
    await ensureTopics(this.kafka, Object.fromEntries([['input', PARTITIONS], ['output', PARTITIONS], ['audit', 1]].map(([topic, count]) => [`${this.name}-${topic}`, { partitions: Number(count), config }])));
    this.#sending = this.#send();
    this.#watching = this.#watch();
    for (const part of [this.#sending, this.#watching]) part.catch(() => undefined);
    this.#start('a');
    this.#start('b');
    await until('both workers commit', () => ['a', 'b'].every((id) => this.happened.some((event) => event.id === id && event.kind === 'committed')));
  }

  count(kind: string): number {
    return this.happened.filter((event) => event.kind === kind).length;
  }

  /** Traps that were sprung, in order. */
  sprung(): string[] {
    return existsSync(this.#trapNotes) ? readFileSync(this.#trapNotes, 'utf8').trimEnd().split('\n') : [];
  }

  get #trapNotes(): string {
    return join(this.dir, `${this.name}.traps`);
  }

  kill(id: string): void {
    this.#workers.get(id)!.kill('SIGKILL');
  }

  trap(id: string, trap: Trap): void {
    this.#workers.get(id)!.send({ trap });
  }

  /** Freezes a worker for so long, in the middle of a transaction when it comes to one. */
  async freeze(id: string, at: Trap['at'], milliseconds: number): Promise<void> {
    const child = this.#workers.get(id)!;
    child.send({ trap: { at, signal: 'SIGSTOP' } satisfies Trap });
    await until('the worker is frozen', () => isFrozen(child.pid!), 3000).catch(() => child.kill('SIGSTOP'));
    await delay(milliseconds);
    child.kill('SIGCONT');
  }

  /** The sharpest case: the group gives a frozen worker's partitions away at once, and the zombie wakes before any of its time-outs. */
  async evict(id: string, at: Trap['at'], milliseconds: number): Promise<void> {
    const memberId = readFileSync(join(this.dir, `${this.name}-${id}.member`), 'utf8');
    const frozen = this.freeze(id, at, milliseconds);
    await until('the worker is frozen', () => isFrozen(this.#workers.get(id)!.pid!), 4000);
    await this.#session.leaveGroup(`${this.name}-group`, memberId, { patienceMs: 5000 });
    await frozen;
  }

  /** Resolves when a few more transactions were committed, by the named worker or by any. */
  async goesOn(id?: string): Promise<void> {
    const commits = () => this.happened.filter((event) => event.kind === 'committed' && (id === undefined || event.id === id)).length;
    const before = commits();
    await until('commits go on', () => commits() > before + 5);
  }

  /** Ends the input, waits until all of it is committed, and judges by the logs. */
  async end(): Promise<{ records: number; violations: string[]; rewinds: string[] }> {
    this.#over.abort();
    const records = await this.#sending!;
    const rewinds = await this.#watching!;
    await until('all input is committed', async () => {
      const left = partitions.map(async (p) => (await this.#committed(p)) === (await this.#reader.highWatermark(`${this.name}-input`, p)));
      return (await Promise.all(left)).every(Boolean);
    }, 90_000);
    const [inputs, outputs] = await Promise.all(['input', 'output'].map((topic) => Promise.all(partitions.map((p) => this.#all(`${this.name}-${topic}`, p))))) as [KafkaRecord[][], KafkaRecord[][]];
    const found = violations(inputs, outputs, await this.#all(`${this.name}-audit`, 0));
    if (inputs.flat().length !== records) found.push(`${inputs.flat().length} input records, not ${records}`);
    return { records, violations: found, rewinds };
  }

  async close(): Promise<void> {
    this.#supervising = false;
    this.#over.abort();
    await Promise.all([...this.#workers.values()].map((child) => new Promise((resolve) => {
      child.once('exit', resolve);
      if (!child.kill('SIGKILL')) resolve(undefined);
    })));
    // A run that failed is closed all the same; its test has the error.
    await Promise.allSettled([this.#sending, this.#watching]);
    await this.#session.close();
    await this.#reader.close();
  }

  #start(id: string): void {
    const of = (topic: string) => `${this.name}-${topic}`;
    const env = {
      ...process.env, NODE_OPTIONS: '', BROKER: this.kafka.brokers[0], GROUP: of('group'), INPUT: of('input'), OUTPUT: of('output'), AUDIT: of('audit'),
      WORKER: id, MEMBER_FILE: join(this.dir, `${of(id)}.member`), TRAP_NOTES: this.#trapNotes,
    };
    const child = fork(this.worker, { env, execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#workers.set(id, child);
    child.on('message', (message: Omit<Happened, 'id'>) => void this.happened.push({ id, ...message }));
    child.on('exit', () => { if (this.#supervising) this.#start(id); });
  }

  /** A tenth of the records repeat a key of their partition. */
  async #send(): Promise<number> {
    const producer = new EventProducer(this.kafka);
    const used: string[][] = partitions.map(() => []);
    let count = 0;
    while (!this.#over.signal.aborted) {
      await producer.send(Array.from({ length: 20 }, () => {
        const partition = count % PARTITIONS;
        const keys = used[partition]!;
        const key = ++count % 10 === 0 && keys.length > 0 ? keys.at(-1 - (count % Math.min(keys.length, 30)))! : `key ${count}`;
        keys.push(key);
        return { topic: `${this.name}-input`, partition, key: Buffer.from(key), value: Buffer.alloc(200), headers: {} };
      }));
      await delay(50);
    }
    await producer.close();
    return count;
  }

  /** Every time that a committed offset was seen to move back. */
  async #watch(): Promise<string[]> {
    const rewinds: string[] = [];
    const last = partitions.map(() => 0n);
    while (!this.#over.signal.aborted) {
      for (const partition of partitions) {
        const offset = (await this.#committed(partition)) ?? 0n;
        if (offset < last[partition]!) rewinds.push(`${partition}: ${last[partition]} -> ${offset}`);
        last[partition] = offset;
      }
      await delay(50);
    }
    return rewinds;
  }

  async #committed(partition: number): Promise<bigint | null> {
    return await this.#reader.committed(`${this.name}-group`, `${this.name}-input`, partition);
  }

  async #all(topic: string, partition: number): Promise<KafkaRecord[]> {
    const records: KafkaRecord[] = [];
    for await (const record of this.#reader.readAll(topic, partition, 0n)) records.push(record);
    return records;
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
