import { GateProcess } from '../../support/gate-process.js';
import type { BenchWorld } from './bench-world.js';
import type { Contender, Decision } from './contender.js';
import { SEEDED_FROM } from './seeded-window.js';

/** The gate's process, as anybody would start it, with an inspector's port. */
export class Gate implements Contender {
  private constructor(private readonly bench: BenchWorld, private readonly gate: GateProcess) {}

  /** Resolves when it is ready. Topics are as they are. */
  static async start(bench: BenchWorld, env: Readonly<Record<string, string>>, { nodeOptions = '' } = {}): Promise<Gate> {
    // make builds first, and memory is that of what operators run: GATE_FROM=dist
    const from = process.env['GATE_FROM'] === 'dist' ? 'dist' : 'source';
    const gate = new GateProcess({ ...bench.gateEnv(), NODE_OPTIONS: `--inspect=127.0.0.1:0 ${nodeOptions === '' || from === 'dist' ? nodeOptions : `--import ./bin/typescript.mjs ${nodeOptions}`}`, ...env }, 'proof-gate', from);
    try {
      await gate.start();
      await gate.ready();
    } catch (error) {
      await gate.end('SIGKILL');
      throw error;
    }
    return new Gate(bench, gate);
  }

  get pid(): number {
    return this.gate.pid!;
  }

  get stderr(): string {
    return this.gate.stderr;
  }

  get said(): string {
    return this.gate.lines.slice(-4).map(({ msg }) => msg).join('; ');
  }

  async judged(): Promise<number> {
    return await this.gate.metric('attestream_gate_verdicts_total', { topic: 'telemetry' });
  }

  /**
   * From the audit log; a verified record's time from its verified event, whose place has to be the only one. Unless the topics are
   * settled, what is still coming is left out. @throws Error when the topics disagree
   */
  async *decisions({ settled = true } = {}): AsyncGenerator<Decision> {
    const { codec } = this.bench;
    const verified = new Map<string, number>();
    let rejected = 0;
    for await (const { value, timestamp } of this.bench.readAll('telemetry.verified')) {
      const { source } = codec.decode('telemetry.verified', value);
      if (source.offset >= SEEDED_FROM) continue;
      const place = placeOf(source);
      if (verified.has(place)) throw new Error(`${place} has two verified events`);
      verified.set(place, timestamp);
    }
    for await (const { value } of this.bench.readAll('rejected')) if (codec.decode('rejected', value).source.topic === 'telemetry') rejected++;
    for await (const { value, timestamp } of this.bench.readAll('audit-log')) {
      const entry = codec.decode('audit-log', value);
      if (entry.topic !== 'telemetry') continue;
      const place = placeOf(entry);
      const event = verified.get(place);
      if (!settled && event === undefined && entry.verdict === 'VERIFIED') continue; // came after the first topic was read
      if ((event !== undefined) !== (entry.verdict === 'VERIFIED')) throw new Error(`${place} is ${entry.verdict}, and ${event === undefined ? 'has no' : 'has a'} verified event`);
      verified.delete(place);
      if (entry.verdict !== 'VERIFIED') rejected--;
      yield { place, partition: entry.partition, verdict: entry.verdict, came: entry.timestamp, decided: event ?? timestamp };
    }
    if (settled && (verified.size > 0 || rejected !== 0)) throw new Error(`${verified.size} verified and ${rejected} rejected events beyond the audit log`);
  }

  /** Ends it as an operator would. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.gate.end(signal);
  }
}

function placeOf({ topic, partition, offset }: { topic: string; partition: number; offset: number }): string {
  return `${topic}/${partition}/${offset}`;
}
