import { AtsError } from '#libs/errors';
import type { TopicDefinition } from '#libs/events';
import type { KafkaClient } from './client.js';
import { isPassing, lasting } from './failures.js';
import type { Admin } from './kafkajs.js';
import { backoff, pause, within } from './time.js';

/** Kafka's resource type of a topic in DescribeConfigs. */
const TOPIC_RESOURCE = 2;

export interface EnsureTopicsParameters {
  replicationFactor?: number;
  /** How long to wait for a broker, milliseconds. Default 60 s. */
  patienceMs?: number;
}

/**
 * Creates the topics that are missing and holds the others against their definitions.
 * @throws AtsError ATS_TOPIC_MISMATCH naming every difference in partition count or configuration, ATS_BROKER_UNREACHABLE
 */
export async function ensureTopics(
  kafka: KafkaClient,
  definitions: Readonly<Record<string, Pick<TopicDefinition, 'partitions' | 'config'>>>,
  { replicationFactor = 1, patienceMs = 60_000 }: EnsureTopicsParameters = {},
): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (let attempt = 0; ; attempt++) {
    const admin = kafka.watched(kafka.role('admin', { retries: 5 }).admin());
    try {
      await within(patienceMs, 'topics', ensure(admin, definitions, replicationFactor));
      return;
    } catch (error) {
      if (!isPassing(error) || Date.now() > deadline) throw lasting(kafka.brokers, 'topics', error);
    } finally {
      await admin.disconnect();
    }
    await pause(backoff(attempt));
  }
}

async function ensure(admin: Admin, definitions: Parameters<typeof ensureTopics>[1], replicationFactor: number): Promise<void> {
  await admin.connect();
  const present = new Set(await admin.listTopics());
  const missing = Object.keys(definitions).filter((topic) => !present.has(topic));
  if (missing.length > 0) {
    await admin.createTopics({
      waitForLeaders: true,
      topics: missing.map((topic) => ({
        topic, replicationFactor, numPartitions: definitions[topic]!.partitions,
        configEntries: Object.entries(definitions[topic]!.config).map(([name, value]) => ({ name, value })),
      })),
    });
  }
  const differences = [...(await partitionDifferences(admin, definitions)), ...(await configDifferences(admin, definitions))];
  if (differences.length > 0) throw new AtsError('ATS_TOPIC_MISMATCH', differences.join('; '));
}

async function partitionDifferences(admin: Admin, definitions: Parameters<typeof ensureTopics>[1]): Promise<string[]> {
  const { topics } = await admin.fetchTopicMetadata({ topics: Object.keys(definitions) });
  return topics
    .filter(({ name, partitions }) => partitions.length !== definitions[name]!.partitions)
    .map(({ name, partitions }) => `${name} has ${partitions.length} partitions, not ${definitions[name]!.partitions}`);
}

async function configDifferences(admin: Admin, definitions: Parameters<typeof ensureTopics>[1]): Promise<string[]> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: Object.entries(definitions).map(([name, { config }]) => ({ type: TOPIC_RESOURCE, name, configNames: Object.keys(config) })),
  });
  return resources.flatMap(({ resourceName, configEntries }) => {
    const found = new Map(configEntries.map(({ configName, configValue }) => [configName, configValue]));
    return Object.entries(definitions[resourceName]!.config)
      .filter(([name, value]) => found.get(name) !== value)
      .map(([name, value]) => `${resourceName} has ${name}=${found.get(name) ?? 'nothing'}, not ${value}`);
  });
}
