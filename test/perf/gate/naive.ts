import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { BenchWorld } from './bench-world.js';
import type { Contender, Decision } from './contender.js';

const TOPIC = 'naive-verdicts';

/** The process of naive-worker.ts, for one row: its topic is made once. */
export class Naive implements Contender {
  stderr = '';

  private constructor(private readonly bench: BenchWorld, private readonly child: ChildProcess) {
    child.stderr!.on('data', (text) => { this.stderr += String(text); });
  }

  static async start(bench: BenchWorld): Promise<Naive> {
    await bench.makeTopic(TOPIC, 1);
    const given = { brokers: bench.kafka.brokers, keyFile: join(bench.circuits.folder, 'telemetry16', 'verification-key.json'), ids: bench.ids, policy: bench.world.parameterSet().policies[0] };
    const child = spawn(process.execPath, ['--inspect=127.0.0.1:0', ...process.execArgv, fileURLToPath(new URL('./naive-worker.ts', import.meta.url)), JSON.stringify(given)], { stdio: ['ignore', 'pipe', 'pipe'] });
    const naive = new Naive(bench, child);
    const joined = new Promise<void>((resolve) => { createInterface(child.stdout).on('line', (line) => { if (line === 'ready') resolve(); }); });
    await Promise.race([joined, once(child, 'exit').then(([code]) => { throw new Error(`the naive consumer ended with ${code}: ${naive.stderr}`); })]);
    return naive;
  }

  get pid(): number {
    return this.child.pid!;
  }

  get said(): string {
    return this.stderr.slice(-300);
  }

  async judged(): Promise<number> {
    return Number(await this.bench.reader.highWatermark(TOPIC, 0));
  }

  async *decisions(): AsyncGenerator<Decision> {
    for await (const { value, timestamp } of this.bench.reader.readAll(TOPIC, 0, 0n)) {
      const { topic, partition, offset, timestamp: came, holds } = JSON.parse(value!.toString()) as { topic: string; partition: number; offset: string; timestamp: string; holds: boolean };
      yield { place: `${topic}/${partition}/${offset}`, partition, verdict: holds ? 'VERIFIED' : 'PROOF_INVALID', came: Number(came), decided: timestamp };
    }
  }

  async stop(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }
}
