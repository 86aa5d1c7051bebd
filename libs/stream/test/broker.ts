import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts, startKafka, type KafkaPart } from '#libs/stack';

/** A broker of one spec file, on free ports, in a temporary folder. */
export interface TestBroker {
  brokers: string[];
  /** Of the logs. */
  dataDir: string;
  stop(): Promise<void>;
  /** Starts again on the same ports and data after {@link stop} or {@link kill}. */
  start(): Promise<void>;
  kill(): Promise<void>;
  /** Lets it answer nothing, with its connections open, until it is thawed. */
  freeze(): void;
  thaw(): void;
  /** Stops it for good and removes its data. */
  remove(): Promise<void>;
}

export async function startTestBroker(): Promise<TestBroker> {
  const dir = mkdtempSync(join(tmpdir(), 'attestream-stream-'));
  const [port, controllerPort] = (await freePorts(2)) as [number, number];
  const start = () => startKafka({ dir, port, controllerPort, heapMiB: 256 });
  let part: KafkaPart = await start();
  return {
    brokers: [part.brokers],
    dataDir: join(dir, 'data'),
    stop: () => part.stop(),
    async start() { part = await start(); },
    async kill() {
      part.kill('SIGKILL');
      await part.exited;
    },
    freeze() { part.kill('SIGSTOP'); },
    thaw() { part.kill('SIGCONT'); },
    async remove() {
      await part.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Collects lines of the client's log. */
export function lines(): { info(line: string): void; warn(line: string): void; all: string[] } {
  const all: string[] = [];
  return { all, info: (line) => void all.push(line), warn: (line) => void all.push(line) };
}

/** Resolves when the condition holds; fails with what was waited for. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, milliseconds = 60_000): Promise<void> {
  for (const deadline = Date.now() + milliseconds; !(await condition());) {
    if (Date.now() > deadline) throw new Error(`${what}: did not come in ${milliseconds} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
