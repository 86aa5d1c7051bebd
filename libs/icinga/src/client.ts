import { readSecretFile } from '#libs/config';
import { AtsError } from '#libs/errors';
import type { Answer } from './answer-reader.js';
import { refused } from './errors.js';
import { Reachability, type ReachabilityEvents } from './reachability.js';
import { ResultSender } from './result-sender.js';
import { Transport } from './transport.js';
import { SERVICE_STATES, type CheckResult, type HostView, type IcingaStatus, type ServiceView, type Submission } from './types.js';

export interface IcingaClientOptions extends ReachabilityEvents {
  /** Root, such as https://127.0.0.1:17405. */
  readonly url: string;
  /** PEM of the CA that signed the node's certificate. */
  readonly ca: string;
  readonly credentials: { readonly user: string; readonly password: string };
  /** Over which results are sent, several at once on each; as many again are there for everything else. They close when idle. Default 8. */
  readonly connections?: number;
  /** How long one attempt may take. Default 10,000. */
  readonly timeoutMs?: number;
  /** How long a call is tried again while Icinga2 is away or reloading. Default 30; Infinity: until it is back. */
  readonly retrySeconds?: number;
  /** Ends every wait for Icinga2 to come back, for a graceful stop; an attempt under way is completed, or fails when it is not within 1.5 s. */
  readonly signal?: AbortSignal;
}

/** An Icinga2 that answers does so sooner; one that hangs must not hold up a stop. Every call can be repeated. */
const STOP_GRACE_MS = 1_500;

const TELEMETRY_FILTER = '"telemetry" in service.templates';

/**
 * Icinga2's API (https://icinga.com/docs/icinga-2/latest/doc/12-icinga2-api/), as far as this product uses it.
 * Every call goes on through reloads and restarts (`retrySeconds`) and throws AtsError ATS_ICINGA_UNREACHABLE after that, or
 * ATS_ICINGA_REFUSED when Icinga2 answers with a no. A signal ends its wait. A call may have had its effect although it failed; all of them can be repeated.
 */
export class IcingaClient {
  private readonly transport: Transport;
  private readonly results: ResultSender;

  constructor({ url, ca, credentials, connections = 8, timeoutMs = 10_000, retrySeconds = 30, signal, ...events }: IcingaClientOptions) {
    const authorization = `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`;
    const parameters = { url, ca, authorization, connections, timeoutMs, retrySeconds, reachability: new Reachability(events), ...(signal && { signal }) };
    this.transport = new Transport(parameters);
    this.results = new ResultSender(parameters);
    signal?.addEventListener('abort', () => { setTimeout(() => void this.close(), STOP_GRACE_MS).unref(); }, { once: true });
  }

  /** @returns false when an object of that name is there already, with whatever templates it was made */
  async createHost(host: string, templates: readonly string[], signal?: AbortSignal): Promise<boolean> {
    return await this.create('hosts', host, templates, signal);
  }

  /** The host must exist. @returns false when an object of that name is there already, with whatever templates it was made */
  async createService(host: string, service: string, templates: readonly string[], signal?: AbortSignal): Promise<boolean> {
    return await this.create('services', `${host}!${service}`, templates, signal);
  }

  /**
   * Submits a passive result. Icinga2 says the same of a service that does not exist, of one that the permission's filter leaves out, and to a
   * user without the permission.
   */
  processCheckResult(host: string, service: string, result: CheckResult, signal?: AbortSignal): Promise<Submission> {
    return this.results.send(host, service, result, signal);
  }

  async status(): Promise<IcingaStatus> {
    const [row] = await this.query<{ status: { icingaapplication: { app: { program_start: number; version: string } } } }>('/v1/status/IcingaApplication');
    if (row === undefined) throw refused('status', 200, 'no IcingaApplication');
    const { program_start: start, version } = row.status.icingaapplication.app;
    return { programStart: Math.round(start * 1_000), version };
  }

  /** Every host of template `household`. */
  async hosts(): Promise<HostView[]> {
    const rows = await this.query<{ name: string; attrs: { state: number } }>(objects('hosts', '"household" in host.templates', 'state'));
    return rows.map(({ name, attrs }) => ({ host: name, state: attrs.state === 0 ? 'UP' : 'DOWN' }));
  }

  /** Names of every service of template `telemetry`: cheaper than {@link services}. */
  async serviceNames(): Promise<{ host: string; service: string }[]> {
    const rows = await this.query<{ attrs: { host_name: string; name: string } }>(objects('services', TELEMETRY_FILTER, 'host_name', 'name'));
    return rows.map(({ attrs }) => ({ host: attrs.host_name, service: attrs.name }));
  }

  /** Every service of template `telemetry` with its last result. */
  async services(): Promise<ServiceView[]> {
    const rows = await this.query<{ attrs: ServiceAttributes }>(objects('services', TELEMETRY_FILTER, 'host_name', 'name', 'state', 'last_check_result'));
    return rows.map(({ attrs }) => toServiceView(attrs));
  }

  /** Ends all connections; a call under way fails. */
  async close(): Promise<void> {
    this.results.close();
    await this.transport.close();
  }

  private async create(type: 'hosts' | 'services', name: string, templates: readonly string[], signal?: AbortSignal): Promise<boolean> {
    const answer = await this.transport.request('PUT', `/v1/objects/${type}/${encodeURIComponent(name)}`, { templates }, signal);
    if (answer.status === 500 && errorsOf(answer).some((error) => error.endsWith('already exists.'))) return false;
    this.succeeded(`create ${name}`, answer);
    return true;
  }

  private async query<Row>(path: string): Promise<Row[]> {
    const answer = await this.transport.request('GET', path);
    return this.succeeded(`query ${path}`, answer) as Row[];
  }

  /** The rows of an answer in which the request and each row succeeded: an action may fail inside a 200. */
  private succeeded(what: string, answer: Answer): unknown[] {
    const { results } = parse(answer);
    const good = answer.status === 200 && Array.isArray(results) && results.every((row) => row.code === undefined || row.code === 200);
    if (!good) throw refused(what, answer.status, answer.body);
    return results;
  }
}

/**
 * User and password from a file of one line `user:password`.
 * @throws AtsError ATS_CONFIG_INVALID, ATS_SECRET_EXPOSED when others can read it
 */
export function readCredentials(file: string): { user: string; password: string } {
  const [, user, password] = /^([^:\s]+):(\S+)$/.exec(readSecretFile(file)) ?? [];
  if (user === undefined || password === undefined) throw new AtsError('ATS_CONFIG_INVALID', `credentials file ${file}: one line user:password expected`);
  return { user, password };
}

interface ServiceAttributes {
  host_name: string;
  name: string;
  state: number;
  last_check_result: { output: string; performance_data: unknown[] | null; execution_start: number; active: boolean } | null;
}

function toServiceView({ host_name: host, name: service, state, last_check_result: last }: ServiceAttributes): ServiceView {
  return {
    host,
    service,
    state: last === null ? 'PENDING' : (SERVICE_STATES[state] ?? 'UNKNOWN'),
    output: last?.output ?? '',
    performanceData: (last?.performance_data ?? []).map(String),
    executionStart: Math.round((last?.execution_start ?? 0) * 1_000),
    active: last?.active ?? false,
  };
}

function objects(type: 'hosts' | 'services', filter: string, ...attributes: string[]): string {
  // Icinga2 takes a plus for a plus, so URLSearchParams won't do.
  const query = [`filter=${encodeURIComponent(filter)}`, ...attributes.map((name) => `attrs=${name}`)];
  return `/v1/objects/${type}?${query.join('&')}`;
}

function errorsOf(answer: Answer): string[] {
  return (parse(answer).results ?? []).flatMap((row) => row.errors ?? []);
}

function parse({ status, body }: Answer): { status?: unknown; results?: { code?: number; errors?: string[] }[] } {
  try {
    return JSON.parse(body) as ReturnType<typeof parse>;
  } catch {
    throw refused('Icinga2 answered with something that is not JSON', status, body);
  }
}
