import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { SignedWindow } from '#libs/edge';
import { AtsError } from '#libs/errors';
import { linesOf } from '../lines.js';
import { decodeToAgent, encodeToSensor, MAX_LINE_BYTES, type ToAgent, type ToSensor } from '../sensor/protocol.js';

/** A sensor that ends is started again after this, doubling up to the second. A run of a minute starts the count anew. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
const STABLE_MS = 60_000;

/** A sensor that does not end by itself when its input closes is killed. */
const STOP_DEADLINE_MS = 3000;

export type Hello = Extract<ToAgent, { type: 'hello' }>;

export interface SensorLinkOptions {
  command: readonly string[];
  onHello(hello: Hello): void;
  /** Resolves when the window is on the agent's disk: only then is the sensor told, and offers the next one. */
  onWindow(window: SignedWindow): Promise<void>;
  /** A line that the sensor wrote for a person. */
  onSay(line: string): void;
  onGone(error: AtsError): void;
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** Runs the sensor process and starts it again whenever it ends. */
export class SensorLink {
  #wanted: readonly string[] = [];
  #child: Child | undefined;

  constructor(private readonly options: SensorLinkOptions) {}

  /** Streams to sample, from the next whole epoch on; also after a restart. */
  want(streams: readonly string[]): void {
    this.#wanted = streams;
    if (this.#child) this.#send(this.#child, { type: 'want', streams: [...streams] });
  }

  /** Process id of the sensor, while there is one. */
  get pid(): number | undefined { return this.#child?.pid; }

  /** Until the signal is aborted. Rejects when a window can't be kept. */
  async run(signal: AbortSignal): Promise<void> {
    for (let pause = FIRST_PAUSE_MS; !signal.aborted;) {
      const startedAt = performance.now();
      const why = await this.#session(signal);
      if (signal.aborted) return;
      this.options.onGone(new AtsError('ATS_SENSOR_GONE', why));
      if (performance.now() - startedAt > STABLE_MS) pause = FIRST_PAUSE_MS;
      await delay(pause, undefined, { signal }).catch(() => undefined);   // an abort ends the loop
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
    }
  }

  /** One life of the process; says why it ended. */
  async #session(signal: AbortSignal): Promise<string> {
    const [program, ...args] = this.options.command;
    const child = spawn(program!, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const gone = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(`it could not be started: ${error.message}`));
      child.once('close', (code, by) => resolve(by ? `killed by ${by}` : `exit code ${code}`));
    });
    child.stdin.on('error', () => undefined);   // it has gone: `gone` says so
    const stop = () => { child.stdin.end(); };
    signal.addEventListener('abort', stop, { once: true });
    this.#child = child;
    const said = this.#relay(child.stderr);
    const heard = await this.#listen(child, signal);
    await this.#end(child, gone);
    this.#child = undefined;
    signal.removeEventListener('abort', stop);
    await said;
    if ('failure' in heard) throw heard.failure;
    return heard.nonsense === undefined ? gone : `it was stopped, for it said what no sensor says: ${heard.nonsense}`;
  }

  /** Until the sensor's output ends, or it says nonsense, or a window can't be kept. */
  async #listen(child: Child, signal: AbortSignal): Promise<{ nonsense?: string } | { failure: unknown }> {
    this.#send(child, { type: 'want', streams: [...this.#wanted] });
    try {
      for await (const line of linesOf(child.stdout, MAX_LINE_BYTES)) {
        if (signal.aborted) break;
        const message = decodeToAgent(line);
        if (message.type === 'hello') {
          this.options.onHello(message);
          continue;
        }
        try {
          await this.options.onWindow(message.window);
        } catch (failure) {
          return { failure };
        }
        this.#send(child, { type: 'taken', stream: message.window.stream, epoch: message.window.epoch });
      }
      return {};
    } catch (error) {
      // a pipe that breaks has a code of the system's; it is the end of the process, which says itself why
      return 'code' in (error as Error) ? {} : { nonsense: (error as Error).message };
    }
  }

  async #end(child: Child, gone: Promise<string>): Promise<void> {
    child.stdin.end();
    const timer = new AbortController();
    const late = await Promise.race([gone.then(() => false), delay(STOP_DEADLINE_MS, true, { signal: timer.signal }).catch(() => false)]);
    timer.abort();
    if (late) child.kill('SIGKILL');
    await gone;
  }

  async #relay(stderr: Readable): Promise<void> {
    try {
      for await (const line of linesOf(stderr, MAX_LINE_BYTES)) this.options.onSay(line);
    } catch (error) {
      this.options.onSay(`the sensor's lines end here: ${(error as Error).message}`);
      stderr.resume();
    }
  }

  #send(child: Child, message: ToSensor): void {
    if (child.stdin.writable) child.stdin.write(encodeToSensor(message));
  }
}
