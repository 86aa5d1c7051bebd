import { join } from 'node:path';
import type { Deployment } from '#libs/chain';
import { EventCodec, registerSchemas, TOPICS } from '#libs/events';
import { startAnvil, startIcinga, startRegistry, type IcingaPart, type Supervisor } from '#libs/stack';
import { connectKafka, ensureTopics, type KafkaClient } from '#libs/stream';
import type { ParameterSet } from '#libs/verdict';
import { ATTACKER, type Layout } from '../layout.js';
import type { Say } from '../say.js';
import { edgeAgents, serverApps, type AppStart, type Surroundings } from './apps.js';
import { ensureContracts } from './contracts.js';
import { writeEndpoints } from './endpoints.js';
import { ethereumKey } from './ethereum-key.js';
import { ensureHousehold, type RegisteredHousehold } from './households.js';
import { ensureLog, type LogPlace } from './log.js';
import { startRepairedKafka } from './kafka.js';
import { ensureParameterSet } from './parameters.js';
import { ensureBaseline, policiesFor, type Baseline } from './policies.js';

/** Everything that runs, with what it was set up with. */
export interface Stack {
  readonly layout: Layout;
  readonly supervisor: Supervisor;
  readonly kafka: KafkaClient;
  readonly codec: EventCodec;
  readonly icinga: IcingaPart;
  readonly deployment: Deployment;
  readonly log: LogPlace;
  readonly parameters: ParameterSet;
  readonly baseline: Baseline;
  /** Every app as it was started, to be started again after it was stopped on purpose. */
  readonly apps: readonly AppStart[];
  readonly households: readonly RegisteredHousehold[];
  /** Registered, but without an agent. */
  readonly attacker: RegisteredHousehold;
  /** Since when starting took, performance.now(). */
  readonly startedAt: number;
}

export interface BringUpParameters {
  layout: Layout;
  supervisor: Supervisor;
  logLevel: string;
  freshnessSeconds?: number | undefined;
  say: Say;
  signal: AbortSignal;
}

/** Starts the parts, sets up what runs on them (only what is not there yet), then starts the apps. */
export async function bringUp({ layout, supervisor, logLevel, freshnessSeconds, say, signal }: BringUpParameters): Promise<Stack> {
  const startedAt = performance.now();
  const { ports } = layout;
  // Measured before our own processes open their files.
  const baseline = ensureBaseline(join(layout.home, 'baseline.json'));

  say('starting Kafka, the schema registry, the Ethereum node and Icinga2');
  const [kafkaPart, registry, anvil, icinga] = await allOrFirstError([
    supervisor.run('kafka', (abort) => startRepairedKafka({ dir: layout.dir('kafka'), port: ports.kafka, controllerPort: ports.kafkaController, signal: abort }, say)),
    supervisor.run('registry', (abort) => startRegistry({ dir: layout.dir('registry'), port: ports.registry, managementPort: ports.registryManagement, signal: abort })),
    supervisor.run('anvil', (abort) => startAnvil({ dir: layout.dir('chain'), port: ports.chain, signal: abort })),
    supervisor.run('icinga2', (abort) => startIcinga({ dir: layout.dir('icinga'), port: ports.icinga, signal: abort })),
  ] as const);
  signal.throwIfAborted();

  say('topics, schemas, contracts, households, the log');
  const rpcUrl = anvil.url;
  const key = ethereumKey(layout.operatorKeyFile);
  const kafka = connectKafka({ brokers: [kafkaPart.brokers], clientId: 'attestream-cli', log: { info: say, warn: say } });
  const [schemaIds, deployment] = await allOrFirstError([
    registerSchemas(registry.url),
    ensureContracts({ rpcUrl, key, file: layout.deploymentFile }),
    ensureTopics(kafka, TOPICS),
  ] as const);
  signal.throwIfAborted();
  const chain = { rpcUrl, key, deployment };
  const parameters = await ensureParameterSet({ ...chain, schemaIds, policies: policiesFor(baseline) });
  const log = await ensureLog({ layout, ...chain });
  const { epochSeconds } = parameters.statements[0]!;
  const households = await allOrFirstError([...layout.households, ATTACKER].map((name) => ensureHousehold({ layout, name, epochSeconds, ...chain })));
  signal.throwIfAborted();

  const around: Surroundings = { layout, brokers: kafkaPart.brokers, registryUrl: registry.url, rpcUrl, icinga, log, logLevel, freshnessSeconds };
  writeEndpoints({ ...around, icinga, deployment, supervisor });
  say('starting the apps');
  // At once: each waits by itself for what it needs.
  const apps = [...serverApps(around), ...edgeAgents(around)];
  await allOrFirstError(apps.map(({ name, start }) => supervisor.run(name, start)));
  writeEndpoints({ ...around, icinga, deployment, supervisor });
  return {
    layout, supervisor, kafka, codec: EventCodec.fromIds(schemaIds), icinga, deployment, log, parameters, baseline, apps, startedAt,
    households: households.slice(0, -1), attacker: households.at(-1)!,
  };
}

/** All results; the first error only once nothing is under way any more, so that whoever stops the parts then finds all of them. */
async function allOrFirstError<const T extends readonly Promise<unknown>[]>(work: T): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const settled = await Promise.allSettled(work);
  for (const result of settled) if (result.status === 'rejected') throw result.reason;
  return settled.map((result) => (result as PromiseFulfilledResult<unknown>).value) as { -readonly [K in keyof T]: Awaited<T[K]> };
}
