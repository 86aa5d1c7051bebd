import { readFileSync } from 'node:fs';
import { IcingaClient, readCredentials, type ServiceState, type ServiceView } from '#libs/icinga';
import type { IcingaPart } from '#libs/stack';

/** A client that may only read. */
export function icingaViewer({ url, caFile, viewerCredentialsFile }: Pick<IcingaPart, 'url' | 'caFile' | 'viewerCredentialsFile'>): IcingaClient {
  return new IcingaClient({ url, ca: readFileSync(caFile, 'utf8'), credentials: readCredentials(viewerCredentialsFile), connections: 1, retrySeconds: 5 });
}

/** How many services are in each state. */
export function countStates(services: readonly ServiceView[]): Record<ServiceState, number> {
  const counts: Record<ServiceState, number> = { OK: 0, WARNING: 0, CRITICAL: 0, UNKNOWN: 0, PENDING: 0 };
  for (const { state } of services) counts[state]++;
  return counts;
}
