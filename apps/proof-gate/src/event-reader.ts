import { AtsError } from '#libs/errors';
import { decodeBlock, EventCodec, fetchSchema, fingerprintOf, SCHEMAS, schemaFingerprint, TOPIC_NAMES, type EventOf, type TopicName } from '#libs/events';
import { isRecorded, type ParameterSet, type SourceTopic, type StatementTopic } from '#libs/verdict';

/** An id that no record can carry: ids on the wire are unsigned. */
const NO_ID = -1;
const NO_IDS = Object.fromEntries(TOPIC_NAMES.map((topic) => [topic, NO_ID])) as Record<TopicName, number>;

/**
 * Decodes source records as the parameter set says: the writer's schema is the one whose id and fingerprint the set lists, the reader's schema is ours.
 * What the registry says of an id counts only as far as its fingerprint is the set's.
 */
export class EventReader {
  readonly #bySet = new WeakMap<ParameterSet, EventCodec>();
  readonly #prepared = new WeakMap<ParameterSet, Set<StatementTopic>>();

  constructor(private readonly registryUrl: string) {}

  /**
   * Makes {@link decode} possible for a topic's records under a set. Asks the registry only for schemas that are not ours.
   * @throws AtsError ATS_REGISTRY_UNREACHABLE; ATS_EVENT_SCHEMA_UNKNOWN when the registry has no such schema under the id; ATS_SCHEMA_INCOMPATIBLE
   */
  async prepare(topic: StatementTopic, set: ParameterSet): Promise<void> {
    const prepared = this.#prepared.get(set) ?? new Set();
    this.#prepared.set(set, prepared);
    if (prepared.has(topic)) return;
    const codec = this.#bySet.get(set) ?? EventCodec.fromIds(NO_IDS);
    this.#bySet.set(set, codec);
    for (const listed of set.schemas.filter((schema) => schema.topic === topic)) {
      codec.addWriter(topic, listed.id, await this.schemaOf(topic, listed));
    }
    prepared.add(topic);
  }

  /** @throws AtsError ATS_EVENT_MALFORMED */
  decode<T extends SourceTopic>(topic: T, value: Buffer, set: ParameterSet | null): EventOf<T> {
    if (isRecorded(topic)) return decodeBlock(value) as EventOf<T>;
    const codec = set === null ? undefined : this.#bySet.get(set);
    if (codec === undefined) throw new TypeError(`${topic} is decoded before it was prepared`);
    return codec.decode(topic, value);
  }

  private async schemaOf(topic: StatementTopic, { id, fingerprint }: { id: number; fingerprint: string }): Promise<unknown> {
    if (fingerprint === schemaFingerprint(topic)) return SCHEMAS[topic];
    const schema = await fetchSchema(this.registryUrl, id);
    const found = fingerprintOf(schema);
    if (found !== fingerprint) {
      throw new AtsError('ATS_EVENT_SCHEMA_UNKNOWN', `id ${id} of ${topic} has fingerprint ${found} in the registry, the parameter set says ${fingerprint}`);
    }
    return schema;
  }
}
