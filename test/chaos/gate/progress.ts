import { LogReader, type KafkaClient } from '#libs/stream';

/** Follows the audit log as anybody can: which source records have an entry by now. */
export class Progress {
  /** Places of all entries, `topic/partition/offset`; each once, however many entries it has. */
  readonly entries = new Set<string>();
  /** Messages that have their verdict. */
  messages = 0;
  readonly #reader: LogReader;
  #following: Promise<void> = Promise.resolve();

  constructor(kafka: KafkaClient) {
    this.#reader = new LogReader(kafka, { patienceMs: 60_000 });
  }

  begin(signal: AbortSignal): void {
    this.#following = this.#follow(signal);
    this.#following.catch(() => undefined); // told at the end
  }

  async end(): Promise<void> {
    try {
      await this.#following;
    } finally {
      await this.#reader.close();
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    for await (const { key } of this.#reader.follow('audit-log', 0, 0n, signal)) {
      const place = key!.toString();
      if (this.entries.has(place)) continue;
      this.entries.add(place);
      if (place.startsWith('telemetry/')) this.messages++;
    }
  }
}
