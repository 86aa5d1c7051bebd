import type { EventCodec, KafkaRecord, TopicName } from '#libs/events';
import { TOPICS } from '#libs/events';
import { LogReader, type KafkaClient } from '#libs/stream';

/** What the log says so far. */
export interface Totals {
  /** Records by source topic. */
  readonly produced: ReadonlyMap<string, number>;
  /** Verified events by source topic. */
  readonly verified: ReadonlyMap<string, number>;
  /** Refused records by source topic and reason. */
  readonly rejected: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

const FOLLOWED = ['telemetry', 'bci-intent', 'telemetry.verified', 'bci-intent.verified', 'rejected'] as const satisfies readonly TopicName[];

/** Counts what the topics hold, from their beginnings on and as it comes. It asks nobody but the log. */
export class Tally {
  readonly #produced = new Map<string, number>();
  readonly #verified = new Map<string, number>();
  readonly #rejected = new Map<string, Map<string, number>>();
  readonly #reader: LogReader;

  constructor(kafka: KafkaClient, private readonly codec: EventCodec) {
    this.#reader = new LogReader(kafka);
  }

  /** Follows until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const partitions = FOLLOWED.flatMap((topic) => Array.from({ length: TOPICS[topic].partitions }, (_, partition) => ({ topic, partition })));
    try {
      await Promise.all(partitions.map(async ({ topic, partition }) => {
        const from = await this.#reader.earliest(topic, partition);
        for await (const record of this.#reader.follow(topic, partition, from, signal)) this.#count(topic, record);
      }));
    } finally {
      await this.#reader.close();
    }
  }

  totals(): Totals {
    return { produced: this.#produced, verified: this.#verified, rejected: this.#rejected };
  }

  #count(topic: (typeof FOLLOWED)[number], record: KafkaRecord): void {
    if (topic === 'rejected') {
      const { source, reason } = this.codec.decode('rejected', record.value!);
      const reasons = this.#rejected.get(source.topic) ?? new Map<string, number>();
      this.#rejected.set(source.topic, reasons);
      increment(reasons, reason);
    } else if (topic.endsWith('.verified')) {
      increment(this.#verified, topic.slice(0, -'.verified'.length));
    } else {
      increment(this.#produced, topic);
    }
  }
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
