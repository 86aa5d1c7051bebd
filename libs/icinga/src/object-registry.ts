import { refused } from './errors.js';
import type { IcingaClient } from './client.js';
import type { CheckResult } from './types.js';

export const HOST_TEMPLATE = 'household';
export const SERVICE_TEMPLATE = 'telemetry';

/**
 * Which hosts and services exist, so that no result is ever submitted to one that does not: a look-up that fails costs Icinga2
 * forty times a result. Filled by one query a kind, kept up to date by what it creates itself; another writer's objects are met on creation.
 */
export class ObjectRegistry {
  private hosts: Existence = new Map();
  private services: Existence = new Map();

  constructor(private readonly client: IcingaClient) {}

  /** Takes Icinga2's word for what exists; to be called at start and after each of its restarts. */
  async load(): Promise<void> {
    const [hosts, services] = [await this.client.hosts(), await this.client.serviceNames()];
    this.hosts = new Map(hosts.map(({ host }) => [host, true]));
    this.services = new Map(services.map(({ host, service }) => [`${host}!${service}`, true]));
  }

  /** Creates the host and the service unless they exist; callers at the same time share one creation. */
  async ensure(host: string, service: string): Promise<void> {
    await once(this.services, `${host}!${service}`, async () => {
      await once(this.hosts, host, async () => void (await this.client.createHost(host, [HOST_TEMPLATE])));
      await this.client.createService(host, service, [SERVICE_TEMPLATE]);
    });
  }

  /**
   * Submits to a service that is made when missing.
   * @throws AtsError ATS_ICINGA_REFUSED when Icinga2 denies the service right after it was made: an object of that name is not ours
   */
  submit(host: string, service: string, result: CheckResult, signal?: AbortSignal): Promise<'accepted' | 'expired'> {
    if (this.services.get(`${host}!${service}`) !== true) return this.submitToNew(host, service, result, signal);
    return this.client.processCheckResult(host, service, result, signal).then((submission) => {
      if (submission !== 'unknown') return submission;
      // Someone deleted it behind our back.
      this.hosts.delete(host);
      this.services.delete(`${host}!${service}`);
      return this.submitToNew(host, service, result, signal);
    });
  }

  private async submitToNew(host: string, service: string, result: CheckResult, signal?: AbortSignal): Promise<'accepted' | 'expired'> {
    await this.ensure(host, service);
    const submission = await this.client.processCheckResult(host, service, result, signal);
    if (submission === 'unknown') throw refused(`process-check-result for ${host}!${service}`, 404, 'it exists but is no service of template telemetry');
    return submission;
  }

  /** Number of services known to exist. */
  get size(): number {
    return this.services.size;
  }
}

/** True, or the creation under way. */
type Existence = Map<string, true | Promise<void>>;

/** Runs `create` unless the key is there or under way; a failed one is forgotten, so that the next caller tries again. */
async function once(made: Existence, key: string, create: () => Promise<void>): Promise<void> {
  let creation = made.get(key);
  if (creation === undefined) {
    const begun = create();
    creation = begun;
    made.set(key, begun);
    begun.then(() => { if (made.get(key) === begun) made.set(key, true); }, () => { if (made.get(key) === begun) made.delete(key); });
  }
  await creation;
}
