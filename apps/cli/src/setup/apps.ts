import { join } from 'node:path';
import { repositoryRoot, startPart, type Part } from '#libs/stack';
import type { Layout } from '../layout.js';
import type { LogPlace } from './log.js';
import { FAMILY, AGENT_STREAMS } from './policies.js';

/** What the apps need to know of the parts they talk to. */
export interface Surroundings {
  readonly layout: Layout;
  readonly brokers: string;
  readonly registryUrl: string;
  readonly rpcUrl: string;
  readonly icinga: { readonly url: string; readonly caFile: string; readonly sinkCredentialsFile: string };
  readonly log: LogPlace;
  readonly logLevel: string;
  /** How long a state stands in Icinga2 without a newer one; the sink's own default when absent. */
  readonly freshnessSeconds?: number | undefined;
}

/** One app as make run starts it. */
export interface AppStart {
  readonly name: string;
  start(signal: AbortSignal): Promise<Part>;
}

/** The local chain is free and final within seconds: an entry waits this long at most before its anchor is sent. */
const ANCHOR_SECONDS = 5;
/** Longer than an app's own deadline to stop (libs/service STOP_DEADLINE_MS). */
const STOP_SECONDS = 10;

/** The apps that serve the whole deployment, in order of dependence. */
export function serverApps(around: Surroundings): AppStart[] {
  const { layout } = around;
  const { ports } = layout;
  return [
    app(around, 'chain-indexer', ports.chainIndexer, { ATTESTREAM_CHAIN_RPC_URL: around.rpcUrl }),
    app(around, 'proof-gate', ports.proofGate, { ATTESTREAM_GATE_MEMBER_FILE: join(layout.runDir, 'proof-gate.member') }),
    app(around, 'chain-anchor', ports.chainAnchor, {
      ATTESTREAM_LOG_DIR: layout.logDir,
      ATTESTREAM_LOG_KEY_FILE: layout.logKeyFile,
      ATTESTREAM_CHAIN_RPC_URLS: around.rpcUrl,
      ATTESTREAM_ANCHOR_KEY_FILE: layout.anchorKeyFile,
      ATTESTREAM_ANCHOR_JOURNAL_FILE: join(layout.dir('anchor'), `${around.log.logId.toString('hex')}.json`),
      ATTESTREAM_ANCHOR_MAX_AGE_SECONDS: String(ANCHOR_SECONDS),
      ATTESTREAM_ANCHOR_POLL_MS: '500',
    }),
    app(around, 'icinga-sink', ports.icingaSink, {
      ATTESTREAM_ICINGA_URL: around.icinga.url,
      ATTESTREAM_ICINGA_CA_FILE: around.icinga.caFile,
      ATTESTREAM_ICINGA_CREDENTIALS_FILE: around.icinga.sinkCredentialsFile,
      ATTESTREAM_SINK_MEMBER_FILE: join(layout.runDir, 'icinga-sink.member'),
      ...(around.freshnessSeconds !== undefined && { ATTESTREAM_SINK_FRESHNESS_SECONDS: String(around.freshnessSeconds) }),
    }),
  ];
}

/** The edge agents, one a household. */
export function edgeAgents(around: Surroundings): AppStart[] {
  const { layout } = around;
  return layout.households.map((household, i) => {
    const folders = layout.household(household);
    return app(around, 'edge-agent', layout.ports.edgeAgents[i]!, {
      ATTESTREAM_HOUSEHOLD_DIR: folders.keys,
      ATTESTREAM_SENSOR_DIR: folders.sensor,
      ATTESTREAM_OUTBOX_DIR: folders.outbox,
      ATTESTREAM_POLICY_FAMILY: FAMILY,
      ATTESTREAM_STREAMS: AGENT_STREAMS.join(','),
    }, agentName(household));
  });
}

/**
 * Node lets the heap of an app under load grow to three times what is alive, and so its memory by a third, for no record a second. A young heap of less than this
 * lets records grow old before their verdict.
 */
export const HEAP_FLAGS = ['--max-semi-space-size=16', '--heap-growing-percent=60'] as const;

/** The part that is a household's agent. */
export function agentName(household: string): string {
  return `edge-agent-${household}`;
}

function app({ layout, brokers, registryUrl, logLevel }: Surroundings, folder: string, port: number, env: Record<string, string>, name = folder): AppStart {
  return {
    name,
    start: (signal) => startPart({
      name,
      program: process.execPath,
      args: [...HEAP_FLAGS, '--enable-source-maps', join(repositoryRoot, 'dist/apps', folder, 'src/main.js')],
      cwd: layout.home,
      env: {
        ATTESTREAM_KAFKA_BROKERS: brokers,
        ATTESTREAM_REGISTRY_URL: registryUrl,
        ATTESTREAM_DEPLOYMENT_FILE: layout.deploymentFile,
        ATTESTREAM_HTTP_PORT: String(port),
        ATTESTREAM_LOG_LEVEL: logLevel,
        ...env,
      },
      logFile: layout.logFile(name),
      ready: () => isLive(port),
      stopSeconds: STOP_SECONDS,
      signal,
    }),
  };
}

async function isLive(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health/live`, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false; // not listening yet: asked again
  }
}
