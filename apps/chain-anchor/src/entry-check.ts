import { AtsError, isAtsError } from '#libs/errors';
import { fetchSchema, wireSchemaId, type EventCodec, type EventOf, type KafkaRecord } from '#libs/events';
import { MAX_ENTRY_BYTES } from '#libs/log';


/** A leaf-to-be, as it stands in the topic. */
export interface Leaf {
  readonly offset: bigint;
  /** The record's value, verbatim. */
  readonly entry: Buffer;
  /** Broker time of the source record that the entry is about, milliseconds since the Unix epoch. */
  readonly producedAt: number;
}

/** Tells audit entries from anything else. Only the gate writes to audit-log: what is none stays out of the log, and nothing after it gets in. */
export class EntryCheck {
  /** @param signal ends the request for a schema, with ATS_REGISTRY_UNREACHABLE */
  constructor(private readonly codec: EventCodec, private readonly registryUrl: string, private readonly signal?: AbortSignal) {}

  /** @throws AtsError ATS_LOG_RECORD_FOREIGN; ATS_REGISTRY_UNREACHABLE while an older writer's schema has to be asked for */
  async leaf(record: KafkaRecord): Promise<Leaf> {
    const { offset, value } = record;
    if (value === null) throw foreign(record, 'it has no value');
    if (value.length > MAX_ENTRY_BYTES) throw foreign(record, `it has ${value.length} bytes, a leaf takes ${MAX_ENTRY_BYTES}`);
    try {
      return { offset, entry: value, producedAt: (await this.#decode(value)).timestamp };
    } catch (error) {
      if (!isAtsError(error) || error.code === 'ATS_REGISTRY_UNREACHABLE') throw error;
      throw foreign(record, error.message);
    }
  }

  async #decode(value: Buffer): Promise<EventOf<'audit-log'>> {
    try {
      return this.codec.decode('audit-log', value);
    } catch (error) {
      if (!isAtsError(error, 'ATS_EVENT_SCHEMA_UNKNOWN')) throw error;
      const id = wireSchemaId(value);
      this.codec.addWriter('audit-log', id, await fetchSchema(this.registryUrl, id, this.signal));
      return this.codec.decode('audit-log', value);
    }
  }
}

function foreign({ topic, partition, offset }: KafkaRecord, why: string): AtsError {
  return new AtsError('ATS_LOG_RECORD_FOREIGN', `${topic}[${partition}] at offset ${offset}: ${why}`);
}
