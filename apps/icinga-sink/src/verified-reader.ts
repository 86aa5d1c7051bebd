import { isAtsError } from '#libs/errors';
import { EventCodec, fetchSchema, registerSchemas, wireSchemaId, type EventOf, type KafkaRecord } from '#libs/events';
import type { Outage } from '#libs/service';

const TOPIC = 'telemetry.verified';

/** Decodes verified events, those that an earlier or later gate wrote with another version of the schema included. Waits for the registry when it needs it. */
export class VerifiedReader {
  private constructor(private readonly codec: EventCodec, private readonly registryUrl: string, private readonly outage: Outage) {}

  static async open(registryUrl: string, outage: Outage, signal: AbortSignal): Promise<VerifiedReader> {
    const ids = await outage.outlast(() => registerSchemas(registryUrl), signal);
    return new VerifiedReader(EventCodec.fromIds(ids), registryUrl, outage);
  }

  /**
   * The event at once when its schema is known, as nearly every one's is.
   * @throws AtsError ATS_EVENT_MALFORMED, ATS_EVENT_SCHEMA_UNKNOWN, ATS_SCHEMA_INCOMPATIBLE: this record will never be readable
   */
  decode({ value }: KafkaRecord, signal: AbortSignal): EventOf<typeof TOPIC> | Promise<EventOf<typeof TOPIC>> {
    try {
      return this.codec.decode(TOPIC, value);
    } catch (error) {
      if (!isAtsError(error, 'ATS_EVENT_SCHEMA_UNKNOWN')) throw error;
    }
    return this.decodeForeign(value, signal);
  }

  private async decodeForeign(value: KafkaRecord['value'], signal: AbortSignal): Promise<EventOf<typeof TOPIC>> {
    const id = wireSchemaId(value);
    this.codec.addWriter(TOPIC, id, await this.outage.outlast(() => fetchSchema(this.registryUrl, id), signal));
    return this.codec.decode(TOPIC, value);
  }
}
