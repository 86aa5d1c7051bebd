import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import { isAtsError } from '#libs/errors';
import type { Answer } from './answer-reader.js';
import { textOf, unreachable } from './errors.js';
import { KEEP_ALIVE_MS } from './pipelined-connection.js';
import { FIRST_RETRY_MS, LONGEST_RETRY_MS, type NodeParameters } from './reachability.js';

/** HTTPS to one node over a bounded pool; goes on through restarts and reloads. */
export class Transport {
  private readonly pool: Pool;

  constructor(private readonly options: NodeParameters) {
    const { url, ca, connections, timeoutMs } = options;
    this.pool = new Pool(url, {
      connections,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      connect: { ca, timeout: timeoutMs },
    });
  }

  /**
   * Any answer but 503, tried again with growing pauses until there is one.
   * @param signal ends the wait, as the option of that name does for all calls
   * @throws AtsError ATS_ICINGA_UNREACHABLE after `retrySeconds`, or when a signal ends the wait
   */
  async request(method: 'GET' | 'PUT', path: string, body?: object, signal?: AbortSignal): Promise<Answer> {
    const { retrySeconds, reachability } = this.options;
    const signals = [this.options.signal, signal].filter((one) => one !== undefined);
    const deadline = performance.now() + retrySeconds * 1_000;
    for (let pause = FIRST_RETRY_MS; ; pause = Math.min(pause * 2, LONGEST_RETRY_MS)) {
      if (signals.some(({ aborted }) => aborted)) throw unreachable(this.options.url, `${method} ${path} is no longer wanted`);
      try {
        const answer = await this.attempt(method, path, body);
        reachability.answered();
        return answer;
      } catch (error) {
        if (!isAtsError(error, 'ATS_ICINGA_UNREACHABLE')) throw error;
        reachability.failed(error);
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
        headers: { accept: 'application/json', authorization: this.options.authorization, ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      answer = { status: response.statusCode, body: await response.body.text() };
    } catch (error) {
      throw unreachable(this.options.url, textOf(error), error);
    }
    if (answer.status === 503) throw unreachable(this.options.url, `503 ${answer.body.slice(0, 200)}`);
    return answer;
  }
}
