import type { Deployment } from '#libs/chain';
import { identityOf, type IcingaPart, type ProcessIdentity, type Supervisor } from '#libs/stack';
import { writeJson } from '../write-json.js';
import { ATTACKER, type Layout } from '../layout.js';
import type { Surroundings } from './apps.js';

/** Writes `endpoints.json`: where a reader with kcat, cast and curl finds everything. Credentials stay in files of mode 0600, which it names. */
export function writeEndpoints({ layout, brokers, registryUrl, rpcUrl, icinga, deployment, log, supervisor }:
  Omit<Surroundings, 'icinga'> & { icinga: IcingaPart; deployment: Deployment; supervisor: Supervisor }): void {
  const { ports } = layout;
  writeJson(layout.endpointsFile, {
    schema: 'attestream/endpoints/1',
    supervisor: identityOf(process.pid)!,
    kafka: { brokers },
    registry: { url: registryUrl },
    chain: { rpcUrl, ...deployment, operatorKeyFile: layout.operatorKeyFile },
    icinga: { url: icinga.url, caFile: icinga.caFile, viewerCredentialsFile: icinga.viewerCredentialsFile, sinkCredentialsFile: icinga.sinkCredentialsFile },
    log: { url: log.url, origin: log.origin, vkeyFile: layout.logVkeyFile, directory: layout.logDir },
    apps: Object.fromEntries([
      ['chain-indexer', ports.chainIndexer], ['proof-gate', ports.proofGate], ['icinga-sink', ports.icingaSink], ['chain-anchor', ports.chainAnchor],
      ...ports.edgeAgents.map((port, i) => [`edge-agent-${layout.households[i]}`, port] as const),
    ].map(([name, port]) => [name, { url: `http://127.0.0.1:${port}` }])),
    households: Object.fromEntries([...layout.households, ATTACKER].map((name) => [name, layout.household(name)])),
    logs: Object.fromEntries(supervisor.status().map(({ name, logFile }) => [name, logFile])),
  } satisfies Endpoints);
}

interface Endpoints {
  schema: 'attestream/endpoints/1';
  /** The process to send SIGTERM to: it stops everything. */
  supervisor: ProcessIdentity;
  kafka: { brokers: string };
  registry: { url: string };
  chain: Deployment & { rpcUrl: string; operatorKeyFile: string };
  icinga: Pick<IcingaPart, 'url' | 'caFile' | 'viewerCredentialsFile' | 'sinkCredentialsFile'>;
  /** `vkeyFile` verifies its checkpoints; `directory` is the store, what is served lies in its `public`. */
  log: { url: string; origin: string; vkeyFile: string; directory: string };
  apps: Record<string, { url: string }>;
  households: Record<string, ReturnType<Layout['household']>>;
  logs: Record<string, string | undefined>;
}
