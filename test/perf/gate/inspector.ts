import type { CpuProfile } from './profile.js';

const SAMPLE_MICROS = 500;

/** Profiles the main thread of a Node process that listens for an inspector, between two moments of our choice. */
export class Inspector {
  readonly #waiting = new Map<number, { resolve: (result: { profile: CpuProfile }) => void; reject: (error: Error) => void }>();
  #id = 0;

  private constructor(private readonly socket: WebSocket) {
    socket.addEventListener('message', ({ data }) => {
      const { id, result, error } = JSON.parse(String(data)) as { id?: number; result: { profile: CpuProfile }; error?: { message: string } };
      const waiting = this.#waiting.get(id ?? -1);
      this.#waiting.delete(id ?? -1);
      if (error) waiting?.reject(new Error(error.message));
      else waiting?.resolve(result);
    });
    socket.addEventListener('close', () => { for (const { reject } of this.#waiting.values()) reject(new Error('the profiled process is gone')); });
  }

  /** @param stderr of a process that was started with --inspect */
  static async connect(stderr: string): Promise<Inspector> {
    const url = /^Debugger listening on (ws:\S+)$/m.exec(stderr)?.[1];
    if (url === undefined) throw new Error(`no inspector in: ${stderr.slice(0, 500)}`);
    const socket = new WebSocket(url);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => resolve(), { once: true });
      socket.addEventListener('error', () => reject(new Error(`${url} does not answer`)), { once: true });
    });
    return new Inspector(socket);
  }

  /** The profile of what happens during the work. */
  async profile(work: () => Promise<void>): Promise<CpuProfile> {
    await this.#call('Profiler.enable');
    await this.#call('Profiler.setSamplingInterval', { interval: SAMPLE_MICROS });
    await this.#call('Profiler.start');
    await work();
    const { profile } = await this.#call('Profiler.stop');
    await this.#call('Profiler.disable');
    return profile;
  }

  close(): void {
    this.socket.close();
  }

  async #call(method: string, params: object = {}): Promise<{ profile: CpuProfile }> {
    const id = ++this.#id;
    return await new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.socket.send(JSON.stringify({ id, method, params }));
    });
  }
}
