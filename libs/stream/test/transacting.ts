import type { OutgoingRecord } from '#libs/events';
import { ensureTopics, EventProducer, LogReader, type KafkaClient } from '../src/index.js';
import { pause } from '../src/time.js';
import { openTransactor } from '../src/transactor.js';
import { untilComplete } from './forget-markers.js';

const OUTPUTS = 4;
/** More than any run gets to: an offset beyond the input's end would be refused. */
const INPUTS = 20_000;
const CONFIG = { 'message.timestamp.type': 'LogAppendTime', 'compression.type': 'uncompressed' };

/**
 * Transactional producers that go on whatever dies: transaction n of each writes its name and n to every partition of one topic, and moves its group's offset to
 * n + 1. So each partition must end up with each transaction once, in order, as far as the group's offset tells.
 */
export class Transacting {
  readonly #over = new AbortController();
  readonly #reader: LogReader;
  readonly #names: readonly string[];
  #loops: Promise<void>[] = [];
  /** Transactions that were acknowledged. */
  committed = 0;

  constructor(private readonly kafka: KafkaClient, producers: number) {
    this.#names = Array.from({ length: producers }, (_, i) => `transacting-${i}`);
    this.#reader = new LogReader(kafka, { patienceMs: 60_000 });
  }

  async begin(replicationFactor = 1): Promise<void> {
    await ensureTopics(this.kafka, { input: { partitions: 1, config: CONFIG }, output: { partitions: OUTPUTS, config: CONFIG } }, { replicationFactor });
    const input = new EventProducer(this.kafka);
    await input.send(Array.from({ length: INPUTS }, () => ({ topic: 'input', partition: 0, key: null, value: Buffer.alloc(0), headers: {} })));
    await input.close();
    this.#loops = this.#names.map((name) => this.#loop(name));
  }

  /** May be called again, and without {@link begin}. */
  async stop(): Promise<void> {
    this.#over.abort();
    await Promise.all(this.#loops);
    await this.#reader.close();
  }

  /** Ends the producers and says where what they wrote is not whole. */
  async end(): Promise<string[]> {
    this.#over.abort();
    await Promise.all(this.#loops);
    // A commit is acknowledged before its markers are written, of which one makes the group's offset seen.
    await untilComplete(this.kafka, this.#names);
    const written = new Map(this.#names.map((name) => [name, Array.from({ length: OUTPUTS }, (): string[] => [])]));
    for (let partition = 0; partition < OUTPUTS; partition++) {
      for await (const { value } of this.#reader.readAll('output', partition, 0n)) {
        const [name, n] = value!.toString().split('/') as [string, string];
        written.get(name)![partition]!.push(n);
      }
    }
    const violations: string[] = [];
    for (const [name, partitions] of written) {
      const offset = (await this.#reader.committed(name, 'input', 0)) ?? 0n;
      partitions.forEach((found, partition) => {
        const wrong = found.findIndex((n, at) => n !== String(at));
        if (wrong >= 0) violations.push(`output[${partition}] has ${found[wrong]} of ${name} where ${wrong} belongs`);
        else if (BigInt(found.length) !== offset) violations.push(`output[${partition}] has ${found.length} transactions of ${name}, whose group is at ${offset}`);
      });
    }
    return violations;
  }

  async #loop(name: string): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      let close: () => void = () => undefined;
      try {
        const transactor = await openTransactor({ kafka: this.kafka, groupId: name, transactionalId: name, limitOf: () => 1_000_000 });
        close = transactor.close;
        for (let next = await transactor.committed(this.#reader, 'input', 0); !signal.aborted; next++) {
          const output = Array.from({ length: OUTPUTS }, (_, partition): OutgoingRecord => ({ topic: 'output', partition, key: null, value: Buffer.from(`${name}/${next}`), headers: {} }));
          await transactor.commit(output, { topic: 'input', partition: 0, next: next + 1n });
          this.committed++;
        }
      } catch {
        // Whatever died: a successor begins anew, and settles what was left.
        await pause(100, signal);
      } finally {
        close();
      }
    }
  }
}
