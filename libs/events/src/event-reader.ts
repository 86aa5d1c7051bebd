import { AtsError } from '#libs/errors';
import { decodeBlock } from './blocks.js';
import { EventCodec, fingerprintOf, schemaFingerprint, type EventOf } from './codec.js';
import { SCHEMAS } from './generated.js';
import { fetchSchema } from './registry.js';
import { TOPIC_NAMES, type TopicName } from './topics.js';

/** An id that no record can carry: ids on the wire are unsigned. */
const NO_ID = -1;
const NO_IDS = Object.fromEntries(TOPIC_NAMES.map((topic) => [topic, NO_ID])) as Record<TopicName, number>;

/** What a reader needs of a parameter set: which schema ids a topic's records may have, each with its fingerprint. */
export interface ListedSchemas {
  readonly schemas: readonly { readonly topic: TopicName; readonly id: number; readonly fingerprint: string }[];
}

/** Where a schema that is not ours comes from: a registry, or an archive of one. */
export type SchemaSource = (id: number) => Promise<unknown>;

/**
 * Decodes source records as the parameter set says: the writer's schema is the one whose id and fingerprint the set lists, the reader's schema is ours.
 * What the source of schemas says of an id counts only as far as its fingerprint is the set's.
 */
export class EventReader {
  readonly #bySet = new WeakMap<ListedSchemas, EventCodec>();
  readonly #prepared = new WeakMap<ListedSchemas, Set<TopicName>>();
  readonly #schemaOf: SchemaSource;

  /** @param schemas the URL of a registry, or any other source */
  constructor(schemas: string | SchemaSource) {
    this.#schemaOf = typeof schemas === 'string' ? (id) => fetchSchema(schemas, id) : schemas;
  }

  /**
   * Makes {@link decode} possible for a topic's records under a set. Asks only for schemas that are not ours.
   * @throws AtsError ATS_REGISTRY_UNREACHABLE; ATS_EVENT_SCHEMA_UNKNOWN when there is no such schema under the id; ATS_SCHEMA_INCOMPATIBLE
   */
  async prepare(topic: TopicName, set: ListedSchemas): Promise<void> {
    const prepared = this.#prepared.get(set) ?? new Set();
    this.#prepared.set(set, prepared);
    if (prepared.has(topic)) return;
    const codec = this.#bySet.get(set) ?? EventCodec.fromIds(NO_IDS);
    this.#bySet.set(set, codec);
    for (const listed of set.schemas.filter((schema) => schema.topic === topic)) {
      codec.addWriter(topic, listed.id, await this.schemaFor(topic, listed));
    }
    prepared.add(topic);
  }

  /** Blocks are read by our schema whatever a set says. @throws AtsError ATS_EVENT_MALFORMED */
  decode<T extends TopicName>(topic: T, value: Buffer, set: ListedSchemas | null): EventOf<T> {
    if (topic === 'chain-events') return decodeBlock(value) as EventOf<T>;
    const codec = set === null ? undefined : this.#bySet.get(set);
    if (codec === undefined) throw new TypeError(`${topic} is decoded before it was prepared`);
    return codec.decode(topic, value);
  }

  private async schemaFor(topic: TopicName, { id, fingerprint }: { id: number; fingerprint: string }): Promise<unknown> {
    if (fingerprint === schemaFingerprint(topic)) return SCHEMAS[topic];
    const schema = await this.#schemaOf(id);
    const found = fingerprintOf(schema);
    if (found !== fingerprint) {
      throw new AtsError('ATS_EVENT_SCHEMA_UNKNOWN', `id ${id} of ${topic} has fingerprint ${found} in the registry, the parameter set says ${fingerprint}`);
    }
    return schema;
  }
}
