import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** CPU time of a process and all that descend from it now, microseconds. */
export function cpuMicrosOf(pid: number): number {
  return tree(pid).reduce((sum, one) => {
    const stat = read(`/proc/${one}/stat`);
    const [user, system] = stat.slice(stat.lastIndexOf(')') + 2).split(' ').slice(11, 13).map(Number);
    return sum + (((user ?? 0) + (system ?? 0)) / TICKS_PER_SECOND) * 1e6;
  }, 0);
}

function tree(pid: number): number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
  return [pid, ...children.flatMap(tree)];
}

/** Empty when the process is gone. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** A result as Icinga2 tells of it: which one, and when it took it by its own clock, milliseconds since the Unix epoch. */
export interface TakenResult {
  readonly host: string;
  readonly service: string;
  readonly epoch: number;
  readonly takenAt: number;
}

/** What Icinga2 says of itself. */
export class IcingaObserver {
  readonly #agent: Agent;
  readonly #headers: Record<string, string>;

  constructor(private readonly url: string, ca: string, { user, password }: Credentials) {
    this.#agent = new Agent({ connect: { ca }, bodyTimeout: 0 });
    this.#headers = { accept: 'application/json', authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
  }

  /**
   * Passive results that it has processed within the last 15 minutes, by its own count: one that it answers with 200 and ignores is not among them. The
   * difference between two calls is what it took in between, as long as nothing is older than 15 minutes.
   */
  async passiveResults(): Promise<number> {
    const { statusCode, body } = await request(`${this.url}/v1/status/CIB`, { dispatcher: this.#agent, headers: this.#headers });
    if (statusCode !== 200) throw new Error(`status/CIB: ${statusCode} ${await body.text()}`);
    const { results } = await body.json() as { results: { status: { passive_service_checks_15min: number } }[] };
    return results[0]!.status.passive_service_checks_15min;
  }

  /** Resolves when the event stream is open; tells of each passive result of a stream until the signal is aborted. It may tell seconds later: its times are right. */
  async watch(onTaken: (taken: TakenResult) => void, signal: AbortSignal): Promise<void> {
    const { statusCode, body } = await request(`${this.url}/v1/events`, {
      dispatcher: this.#agent, method: 'POST', headers: { ...this.#headers, 'content-type': 'application/json' }, signal,
      body: JSON.stringify({ queue: `bench-sink-${process.pid}`, types: ['CheckResult'] }),
    });
    if (statusCode !== 200) throw new Error(`events: ${statusCode} ${await body.text()}`);
    let text = '';
    body.on('error', () => undefined); // the signal ends it
    body.on('data', (part) => {
      const lines = (text + String(part)).split('\n');
      text = lines.pop()!;
      for (const line of lines) {
        const { host, service, check_result: result } = JSON.parse(line) as { host: string; service?: string; check_result: { output: string; execution_end: number; active: boolean } };
        const epoch = /proven for epoch (\d+)/.exec(result.output)?.[1];
        if (service !== undefined && epoch !== undefined) onTaken({ host, service, epoch: Number(epoch), takenAt: result.execution_end * 1_000 });
      }
    });
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}
