import { join, resolve } from 'node:path';

/** Where everything of one `make run` is: files below `home`, ports from `portBase` on. */
export interface Layout {
  readonly home: string;
  readonly ports: Ports;
  readonly households: readonly string[];
  readonly deploymentFile: string;
  /** Ethereum key of the operator, 0x and hex. */
  readonly operatorKeyFile: string;
  /** Store of the log, its key in the note format, and what verifies it. */
  readonly logDir: string;
  readonly logKeyFile: string;
  readonly logVkeyFile: string;
  /** Ethereum key that pays for anchors, 0x and hex. */
  readonly anchorKeyFile: string;
  readonly endpointsFile: string;
  readonly reportFile: string;
  readonly auditFile: string;
  /** One file a running child. */
  readonly runDir: string;
  /** Folder of a part's data. */
  dir(part: string): string;
  logFile(part: string): string;
  household(name: string): HouseholdFolders;
}

export interface Ports {
  readonly kafka: number;
  readonly kafkaController: number;
  readonly registry: number;
  readonly registryManagement: number;
  readonly chain: number;
  readonly icinga: number;
  readonly proofGate: number;
  readonly chainIndexer: number;
  readonly icingaSink: number;
  readonly chainAnchor: number;
  /** One a household, in their order. */
  readonly edgeAgents: readonly number[];
}

export interface HouseholdFolders {
  readonly keys: string;
  readonly sensor: string;
  readonly outbox: string;
}

/** The household that the attacks of ONCE=1 speak for: registered, but without an agent, so that nothing else spends its epochs. */
export const ATTACKER = 'attacker';

export function layoutOf({ home: given, portBase, households: count }: { home: string; portBase: number; households: number }): Layout {
  const home = resolve(given);
  const households = Array.from({ length: count }, (_, i) => `home-${i + 1}`);
  return {
    home,
    households,
    ports: {
      kafka: portBase, kafkaController: portBase + 1, registry: portBase + 2, registryManagement: portBase + 3, chain: portBase + 4, icinga: portBase + 5,
      proofGate: portBase + 10, chainIndexer: portBase + 11, icingaSink: portBase + 12, chainAnchor: portBase + 13,
      edgeAgents: households.map((_, i) => portBase + 20 + i),
    },
    deploymentFile: join(home, 'deployment.json'),
    operatorKeyFile: join(home, 'keys/operator'),
    logDir: join(home, 'log'),
    logKeyFile: join(home, 'keys/log'),
    logVkeyFile: join(home, 'keys/log.vkey'),
    anchorKeyFile: join(home, 'keys/anchor'),
    endpointsFile: join(home, 'endpoints.json'),
    reportFile: join(home, 'report.json'),
    auditFile: join(home, 'audit.json'),
    runDir: join(home, 'run'),
    dir: (part) => join(home, part),
    logFile: (part) => join(home, 'logs', `${part}.log`),
    household: (name) => ({
      keys: join(home, 'households', name, 'keys'),
      sensor: join(home, 'households', name, 'sensor'),
      outbox: join(home, 'households', name, 'outbox'),
    }),
  };
}

/** Every port with what it is for. */
export function portUses({ ports, households }: Layout): { port: number; use: string }[] {
  const { edgeAgents, ...single } = ports;
  const uses: Record<keyof typeof single, string> = {
    kafka: 'Kafka', kafkaController: "Kafka's controller", registry: 'the schema registry', registryManagement: "the registry's management",
    chain: 'the Ethereum node', icinga: 'the API of Icinga2', proofGate: 'proof-gate', chainIndexer: 'chain-indexer', icingaSink: 'icinga-sink',
    chainAnchor: 'chain-anchor and the log',
  };
  return [
    ...Object.entries(single).map(([name, port]) => ({ port, use: uses[name as keyof typeof single] })),
    ...edgeAgents.map((port, i) => ({ port, use: `the edge agent of ${households[i]}` })),
  ];
}
