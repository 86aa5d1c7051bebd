import type { EventCodec, KafkaRecord, TopicName } from '#libs/events';

/** What the log says so far. */
export interface Totals {
  /** Records by source topic. */
  readonly produced: ReadonlyMap<string, number>;
  /** Verified events by source topic. */
  readonly verified: ReadonlyMap<string, number>;
  /** Refused records by source topic and reason. */
  readonly rejected: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

export const COUNTED = ['telemetry', 'bci-intent', 'telemetry.verified', 'bci-intent.verified', 'rejected'] as const satisfies readonly TopicName[];
export type CountedTopic = (typeof COUNTED)[number];

/** Counts records by what they say. */
export class Counts {
  readonly #produced = new Map<string, number>();
  readonly #verified = new Map<string, number>();
  readonly #verifiedSince = new Map<string, number>();
  readonly #rejected = new Map<string, Map<string, number>>();

  /** `since`: broker time of a source record, milliseconds since the Unix epoch, from which on its verified event counts as new. */
  constructor(private readonly codec: Pick<EventCodec, 'decode'>, private readonly since: number) {}

  add(topic: CountedTopic, { value }: Pick<KafkaRecord, 'value'>): void {
    switch (topic) {
      case 'rejected': {
        const { source, reason } = this.codec.decode(topic, value!);
        const reasons = this.#rejected.get(source.topic) ?? new Map<string, number>();
        this.#rejected.set(source.topic, reasons);
        increment(reasons, reason);
        return;
      }
      case 'telemetry.verified':
      case 'bci-intent.verified': {
        const { source } = this.codec.decode(topic, value!);
        increment(this.#verified, source.topic);
        if (source.timestamp >= this.since) increment(this.#verifiedSince, source.topic);
        return;
      }
      default:
        increment(this.#produced, topic);
    }
  }

  totals(): Totals {
    return { produced: this.#produced, verified: this.#verified, rejected: this.#rejected };
  }

  /** Verified events of source records that came at `since` or later. */
  verifiedSince(topic: string): number {
    return this.#verifiedSince.get(topic) ?? 0;
  }
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
