import type { EventCodec } from '#libs/events';
import { TOPICS } from '#libs/events';
import { LogReader, type KafkaClient } from '#libs/stream';
import { COUNTED, Counts } from './counts.js';

/** Counts what the topics hold, from their beginnings on and as it comes. It asks nobody but the log. */
export class Tally extends Counts {
  readonly #reader: LogReader;

  constructor(kafka: KafkaClient, codec: EventCodec, since: number) {
    super(codec, since);
    this.#reader = new LogReader(kafka);
  }

  /** Follows until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const partitions = COUNTED.flatMap((topic) => Array.from({ length: TOPICS[topic].partitions }, (_, partition) => ({ topic, partition })));
    try {
      await Promise.all(partitions.map(async ({ topic, partition }) => {
        const from = await this.#reader.earliest(topic, partition);
        for await (const record of this.#reader.follow(topic, partition, from, signal)) this.add(topic, record);
      }));
    } finally {
      await this.#reader.close();
    }
  }
}
