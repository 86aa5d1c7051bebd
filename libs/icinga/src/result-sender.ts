import { refused, textOf, unreachable } from './errors.js';
import type { Answer } from './answer-reader.js';
import { PipelinedConnection } from './pipelined-connection.js';
import { FIRST_RETRY_MS, LONGEST_RETRY_MS, type NodeParameters } from './reachability.js';
import type { CheckResult, Submission } from './types.js';

/**
 * Requests on one connection before the first is answered. One write and one read carry many then, which is most of what a client's side of a result costs;
 * beyond this nothing is gained.
 */
const DEPTH = 32;

interface Pending {
  readonly host: string;
  readonly service: string;
  readonly result: CheckResult;
  readonly signal: AbortSignal | undefined;
  /** On performance.now()'s clock: when a failure is the last. */
  readonly deadline: number;
  resolve(submission: Submission): void;
  reject(error: unknown): void;
}

/**
 * Sends check results over a few connections, several at once on each. How many are under way follows what waits: a lone result goes alone and at once on an
 * idle connection, a backlog fills up to `connections` times {@link DEPTH}, the rest stays here. Results of different services arrive in any order:
 * whoever has two for one service waits for the first.
 */
export class ResultSender {
  private readonly connections = new Set<PipelinedConnection<Pending>>();
  private readonly listened = new Map<AbortSignal, number>();
  private readonly head: string;
  private readonly host: string;
  private readonly port: number;
  private queue: Pending[] = [];
  private pause = 0;
  private resuming: NodeJS.Timeout | undefined;
  private flushing = false;
  private closed = false;
  private readonly onAbort = (): void => this.dropAborted();

  constructor(private readonly parameters: NodeParameters) {
    const { hostname, port, host } = new URL(parameters.url);
    this.host = hostname.replace(/^\[(.*)\]$/, '$1');
    this.port = Number(port || 443);
    this.head = ` HTTP/1.1\r\nHost: ${host}\r\nAccept: application/json\r\nAuthorization: ${parameters.authorization}\r\nContent-Type: application/json\r\nContent-Length: `;
    parameters.signal?.addEventListener('abort', this.onAbort);
  }

  /** See {@link IcingaClient.processCheckResult}. Here as there without `async`: promises that only hand on would double what a result costs its sender. */
  send(host: string, service: string, result: CheckResult, signal?: AbortSignal): Promise<Submission> {
    return new Promise<Submission>((resolve, reject) => {
      const pending: Pending = { host, service, result, signal, deadline: performance.now() + this.parameters.retrySeconds * 1_000, resolve, reject };
      if (this.isUnwanted(pending)) return reject(this.unwanted(pending));
      this.listen(signal);
      this.queue.push(pending);
      this.flushSoon();
    });
  }

  /** Ends all connections; what is under way or waits fails. */
  close(): void {
    this.closed = true;
    clearTimeout(this.resuming);
    this.parameters.signal?.removeEventListener('abort', this.onAbort);
    for (const connection of this.connections) connection.destroy();
    for (const pending of this.queue.splice(0)) this.reject(pending, unreachable(this.parameters.url, 'closed'));
  }

  /** All that is sent in one turn of the event loop goes out together. */
  private flushSoon(): void {
    if (this.flushing || this.resuming !== undefined) return;
    this.flushing = true;
    setImmediate(() => {
      this.flushing = false;
      this.flush();
    });
  }

  private flush(): void {
    if (this.closed || this.resuming !== undefined) return;
    // A short queue is spread over all connections; only a long one is worth waiting behind another request.
    for (const connection of this.connections) {
      if (this.queue.length === 0) return;
      const share = Math.min(DEPTH, Math.ceil(this.queue.length / this.parameters.connections));
      const { underWay } = connection;
      if (underWay === 0 || (underWay !== undefined && share + underWay <= DEPTH && share >= DEPTH / 2)) this.sendOn(connection, share);
    }
    const opening = [...this.connections].filter(({ underWay }) => underWay === undefined).length;
    for (let i = opening; i < this.queue.length && this.connections.size < this.parameters.connections; i++) this.open();
  }

  private sendOn(connection: PipelinedConnection<Pending>, share: number): void {
    const requests: Pending[] = [];
    let text = '';
    let taken = 0;
    for (; taken < this.queue.length && requests.length < share; taken++) {
      const pending = this.queue[taken]!;
      if (this.isUnwanted(pending)) {
        this.reject(pending, this.unwanted(pending));
        continue;
      }
      const body = bodyOf(pending.result);
      if (body === undefined) {
        this.resolve(pending, 'expired');
        continue;
      }
      requests.push(pending);
      text += `POST ${pathOf(pending)}${this.head}${Buffer.byteLength(body)}\r\n\r\n${body}`;
    }
    this.queue.splice(0, taken);
    if (requests.length > 0) connection.send(requests, text);
  }

  private open(): void {
    const { ca, timeoutMs, url } = this.parameters;
    const connection: PipelinedConnection<Pending> = new PipelinedConnection<Pending>({
      host: this.host, port: this.port, ca, timeoutMs,
      onOpen: () => this.flush(),
      onAnswers: (requests, answers) => {
        requests.forEach((pending, i) => this.settle(pending, answers[i]!));
        this.flush();
      },
      onClosed: (unanswered, error) => {
        this.connections.delete(connection);
        this.queue = [...unanswered, ...this.queue];
        if (error !== undefined) this.failed(unreachable(url, textOf(error), error));
        else this.flush();
      },
    });
    this.connections.add(connection);
  }

  private settle(pending: Pending, answer: Answer): void {
    if (answer.status === 503) {
      this.queue.unshift(pending);
      return this.failed(unreachable(this.parameters.url, `503 ${answer.body.slice(0, 200)}`));
    }
    this.pause = 0;
    this.parameters.reachability.answered();
    const submission = submissionOf(answer);
    if (submission === undefined) this.reject(pending, refused(`process-check-result for ${nameOf(pending)}`, answer.status, answer.body));
    else this.resolve(pending, submission);
  }

  /** Nothing more is sent until a growing pause is over. Whoever has waited long enough hears of it. */
  private failed(error: ReturnType<typeof unreachable>): void {
    if (this.closed) {
      for (const pending of this.queue.splice(0)) this.reject(pending, error);
      return;
    }
    this.parameters.reachability.failed(error);
    if (this.resuming !== undefined) return;
    this.pause = Math.min(Math.max(FIRST_RETRY_MS, this.pause * 2), LONGEST_RETRY_MS);
    const resumesAt = performance.now() + this.pause;
    this.keep((pending) => pending.deadline >= resumesAt, () => error);
    if (this.queue.length === 0) return;
    this.resuming = setTimeout(() => {
      this.resuming = undefined;
      this.flush();
    }, this.pause);
  }

  private dropAborted(): void {
    this.keep((pending) => !this.isUnwanted(pending), (pending) => this.unwanted(pending));
  }

  private keep(holds: (pending: Pending) => boolean, why: (pending: Pending) => Error): void {
    const dropped = this.queue.filter((pending) => !holds(pending));
    if (dropped.length === 0) return;
    this.queue = this.queue.filter(holds);
    for (const pending of dropped) this.reject(pending, why(pending));
  }

  private isUnwanted({ signal }: Pending): boolean {
    return this.closed || signal?.aborted === true || this.parameters.signal?.aborted === true;
  }

  private unwanted(pending: Pending): Error {
    return unreachable(this.parameters.url, `the result for ${nameOf(pending)} is no longer wanted`);
  }

  private resolve(pending: Pending, submission: Submission): void {
    this.unlisten(pending.signal);
    pending.resolve(submission);
  }

  private reject(pending: Pending, error: Error): void {
    this.unlisten(pending.signal);
    pending.reject(error);
  }

  /** One listener a signal, as long as one of its results waits or is under way. */
  private listen(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const count = this.listened.get(signal) ?? 0;
    if (count === 0) signal.addEventListener('abort', this.onAbort);
    this.listened.set(signal, count + 1);
  }

  private unlisten(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const count = this.listened.get(signal)!;
    if (count > 1) return void this.listened.set(signal, count - 1);
    this.listened.delete(signal);
    signal.removeEventListener('abort', this.onAbort);
  }
}

function nameOf({ host, service }: Pending): string {
  return `${host}!${service}`;
}

function pathOf(pending: Pending): string {
  return `/v1/actions/process-check-result?service=${encodeURIComponent(nameOf(pending))}`;
}

/** What remains of the state's time is told at each attempt; undefined when nothing does. */
function bodyOf({ state, output, performanceData, freshUntil, executionStart, executionEnd }: CheckResult): string | undefined {
  const ttl = (freshUntil - Date.now()) / 1_000;
  if (ttl <= 0) return undefined;
  return JSON.stringify({
    exit_status: state, plugin_output: output, performance_data: performanceData, ttl,
    ...(executionStart !== undefined && { execution_start: executionStart / 1_000 }),
    ...(executionEnd !== undefined && { execution_end: executionEnd / 1_000 }),
  });
}

/** Undefined when Icinga2 refuses. An action may fail inside a 200. */
function submissionOf({ status, body }: Answer): Submission | undefined {
  let document: { status?: unknown; results?: { code?: number }[] };
  try {
    document = JSON.parse(body) as typeof document;
  } catch {
    return undefined;
  }
  if (status === 404 && document.status === 'No objects found.') return 'unknown';
  const accepted = status === 200 && Array.isArray(document.results) && document.results.every(({ code }) => code === 200);
  return accepted ? 'accepted' : undefined;
}
