const KiB = 1024;

/** A value of 64 KiB, and room for its key, headers and framing, which the broker counts too. */
const SOURCE_BYTES = 65 * KiB;

/** A topic as it must exist on the broker. */
export interface TopicDefinition {
  /** Never changes: growth is a new topic generation. */
  readonly partitions: number;
  /** Largest record batch that the broker takes, bytes (Kafka's max.message.bytes, framing included). */
  readonly maxMessageBytes: number;
  /** What the key holds and how it selects the partition. */
  readonly key: string;
  /** The apps that write it; nobody else may. */
  readonly writers: readonly string[];
  /** The value's schema, relative to the repository's root. */
  readonly schemaFile: string;
  /** Topic configuration, as Kafka names it. */
  readonly config: Readonly<Record<string, string>>;
}

/**
 * Every topic. Broker time is the only clock that a verdict may use (LogAppendTime), and nothing is ever deleted.
 * No topic is compacted: a verdict and a leaf each keep their offset.
 */
export const TOPICS = {
  telemetry: source('telemetry', 'edge-agent'),
  'bci-intent': source('bci-intent', 'edge-agent'),
  'chain-events': define('chain-events', {
    partitions: 1, maxMessageBytes: 256 * KiB, key: 'block number, decimal text', writers: ['chain-indexer'],
  }),
  'telemetry.verified': ofTheGate('telemetry.verified', 4, "pseudonym (32 bytes); the source's partition"),
  'bci-intent.verified': ofTheGate('bci-intent.verified', 4, "pseudonym (32 bytes); the source's partition"),
  rejected: ofTheGate('rejected', 4, "`topic/partition/offset` of the source; the source's partition mod 4"),
  'audit-log': ofTheGate('audit-log', 1, '`topic/partition/offset` of the source'),
} as const satisfies Record<string, TopicDefinition>;

export type TopicName = keyof typeof TOPICS;

/** Every topic's name, in the table's order. */
export const TOPIC_NAMES = Object.keys(TOPICS) as readonly TopicName[];

/** True when the text names a topic of {@link TOPICS}. */
export function isTopicName(text: string): text is TopicName {
  return Object.hasOwn(TOPICS, text);
}

function source(topic: string, ...writers: string[]): TopicDefinition {
  return define(topic, { partitions: 4, maxMessageBytes: SOURCE_BYTES, key: 'pseudonym (32 bytes); partition murmur2(key) mod 4', writers });
}

function ofTheGate(topic: string, partitions: number, key: string): TopicDefinition {
  return define(topic, { partitions, maxMessageBytes: 256 * KiB, key, writers: ['proof-gate'] });
}

function define(topic: string, definition: Omit<TopicDefinition, 'config' | 'schemaFile'>): TopicDefinition {
  return {
    ...definition,
    schemaFile: `schemas/${topic}.avsc`,
    config: {
      'message.timestamp.type': 'LogAppendTime',
      'cleanup.policy': 'delete',
      'retention.ms': '-1',
      'retention.bytes': '-1',
      // The broker unpacks what a producer compressed: a codec that a reader lacks would stop the reader.
      'compression.type': 'uncompressed',
      'max.message.bytes': String(definition.maxMessageBytes),
    },
  };
}
