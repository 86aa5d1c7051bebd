import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import { isAtsError, type AtsError } from '#libs/errors';
import { textOf, unreachable } from './errors.js';

/** Icinga2 closes a connection that was idle for 10 s; ours go first, so that no request meets a closing one. */
const KEEP_ALIVE_MS = 5_000;
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 2_000;

export interface TransportOptions {
  /** Root, such as https://127.0.0.1:17405. */
  readonly url: string;
  /** PEM of the CA that signed the node's certificate. */
  readonly ca: string;
  readonly credentials: { readonly user: string; readonly password: string };
  /** Requests at once; Icinga2 2.13 took 1.5k results/s over 1, 2.6k over 8, 3.4k over 32. Default 8. */
  readonly connections?: number;
  /** How long one attempt may take. Default 10,000. */
  readonly timeoutMs?: number;
  /** How long a call is tried again while Icinga2 is away or reloading. Default 30; Infinity: until it is back. */
  readonly retrySeconds?: number;
  /** Ends every wait for Icinga2 to come back, for a graceful stop; an attempt under way is completed. */
  readonly signal?: AbortSignal;
  /** Called once at the start of an outage, however many calls it delays. */
  onOutage?(error: AtsError): void;
  /** Called once at its end. */
  onRecovery?(seconds: number): void;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** HTTPS to one node over a bounded pool; goes on through restarts and reloads. */
export class Transport {
  private readonly pool: Pool;
  private readonly authorization: string;
  private outageSince: number | undefined;

  constructor(private readonly options: TransportOptions) {
    const { url, ca, credentials, connections = 8, timeoutMs = 10_000 } = options;
    this.pool = new Pool(url, {
      connections,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      connect: { ca, timeout: timeoutMs },
    });
    this.authorization = `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`;
  }

  /**
   * Any answer but 503, tried again with growing pauses until there is one.
   * @param body made anew for each attempt; undefined gives up
   * @param signal ends the wait, as the option of that name does for all calls
   * @throws AtsError ATS_ICINGA_UNREACHABLE after `retrySeconds`, or when a signal ends the wait
   */
  async request(method: 'GET', path: string): Promise<Answer>;
  async request<B extends object | undefined>(method: 'POST' | 'PUT', path: string, body: () => B, signal?: AbortSignal): Promise<Answer | (undefined extends B ? undefined : never)>;
  async request(method: string, path: string, body?: () => object | undefined, signal?: AbortSignal): Promise<Answer | undefined> {
    const { retrySeconds = 30 } = this.options;
    const signals = [this.options.signal, signal].filter((one) => one !== undefined);
    const deadline = performance.now() + retrySeconds * 1_000;
    for (let pause = FIRST_RETRY_MS; ; pause = Math.min(pause * 2, LONGEST_RETRY_MS)) {
      if (signals.some(({ aborted }) => aborted)) throw unreachable(this.options.url, `${method} ${path} is no longer wanted`);
      const content = body?.();
      if (body !== undefined && content === undefined) return undefined;
      try {
        const answer = await this.attempt(method, path, content);
        this.recovered();
        return answer;
      } catch (error) {
        if (!isAtsError(error, 'ATS_ICINGA_UNREACHABLE')) throw error;
        this.failed(error);
        if (performance.now() + pause > deadline) throw error;
        // Spread: all waiting calls would else come back in one burst.
        await delay(pause * (0.5 + Math.random() / 2), undefined, { signal: AbortSignal.any(signals) }).catch(() => { throw error; });
      }
    }
  }

  async close(): Promise<void> {
    await this.pool.destroy();
  }

  private async attempt(method: string, path: string, body: object | undefined): Promise<Answer> {
    let answer: Answer;
    try {
      const response = await this.pool.request({
        method,
        path,
        headers: { accept: 'application/json', authorization: this.authorization, ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      answer = { status: response.statusCode, body: await response.body.text() };
    } catch (error) {
      throw unreachable(this.options.url, textOf(error), error);
    }
    if (answer.status === 503) throw unreachable(this.options.url, `503 ${answer.body.slice(0, 200)}`);
    return answer;
  }

  private failed(error: AtsError): void {
    if (this.outageSince !== undefined) return;
    this.outageSince = performance.now();
    this.options.onOutage?.(error);
  }

  private recovered(): void {
    if (this.outageSince === undefined) return;
    const seconds = (performance.now() - this.outageSince) / 1_000;
    this.outageSince = undefined;
    this.options.onRecovery?.(seconds);
  }
}
