import { setTimeout as delay } from 'node:timers/promises';
import { isAtsError } from '#libs/errors';
import type { OutgoingRecord } from '#libs/events';
import { EventProducer, type SentRecord } from '#libs/stream';
import type { Verdict } from '#libs/verdict';
import { until } from '../gate-until.js';
import { BAD_KIND_NAMES, BAD_KINDS } from '../simulated/index.js';
import type { FaultWorld } from './world.js';
import { placeOf, type Holding } from './verdicts.js';

/** Each of these has proofs of its own; a turn of so many every tenth of a second is a load that any machine carries. */
const GOOD_A_TURN = 4;
const TURN_MS = 100;

/** Households of tests, each speaking once, over all traffic of a world. */
const households = new WeakMap<FaultWorld, number>();

/** Producers that go on whatever happens, and remember what the log has acknowledged to them. Good messages and one of each bad kind in turn. */
export class Traffic {
  /** What was acknowledged, and the verdict that it must have. */
  readonly acknowledged: { readonly place: SentRecord; readonly verdict: Verdict }[] = [];
  /** Turns that were not acknowledged: their records may be in the log all the same. */
  unacknowledged = 0;
  readonly #end = new AbortController();
  readonly #producer: EventProducer;
  #running: Promise<void> = Promise.resolve();

  private constructor(private readonly world: FaultWorld) {
    this.#producer = new EventProducer(world.client, { deadlineMs: 10_000 });
  }

  static begin(world: FaultWorld): Traffic {
    const traffic = new Traffic(world);
    traffic.#running = traffic.#run();
    traffic.#running.catch(() => undefined); // told by end()
    return traffic;
  }

  /** Resolves when so many more messages were acknowledged. */
  async more(count: number, milliseconds = 120_000): Promise<void> {
    const goal = this.acknowledged.length + count;
    await until(`${count} more messages`, () => this.acknowledged.length >= goal, milliseconds);
  }

  async end(): Promise<void> {
    this.#end.abort();
    await this.#running;
    await this.#producer.close();
  }

  /** Acknowledged messages with another verdict than theirs, or none: lost, or judged wrongly. */
  wronged({ verdicts }: Holding): string[] {
    return this.acknowledged.flatMap(({ place, verdict }) => (verdicts.get(placeOf(place)) === verdict ? [] : [`${placeOf(place)} is ${verdicts.get(placeOf(place))}, not ${verdict}`]));
  }

  async #run(): Promise<void> {
    for (let turn = 0; !this.#end.signal.aborted; turn++) {
      const batch = this.#turn(turn);
      try {
        const places = await this.#producer.send(batch.map(({ record }) => record));
        places.forEach((place, i) => this.acknowledged.push({ place, verdict: batch[i]!.verdict }));
      } catch (error) {
        if (!isAtsError(error, 'ATS_BROKER_UNREACHABLE')) throw error;
        this.unacknowledged++;
      }
      await delay(TURN_MS, undefined, { signal: this.#end.signal }).catch(() => undefined);
    }
  }

  #turn(turn: number): { record: OutgoingRecord; verdict: Verdict }[] {
    const { messages } = this.world;
    const epoch = messages.lastEpoch();
    const next = () => {
      const household = (households.get(this.world) ?? 0) + 1;
      households.set(this.world, household);
      return household;
    };
    const good = Array.from({ length: GOOD_A_TURN }, next);
    const kind = BAD_KINDS[BAD_KIND_NAMES[turn % BAD_KIND_NAMES.length]!];
    // what repeats a message repeats one of this turn: they are acknowledged together or not at all, in one partition
    const bad = kind.make(messages, { household: kind.repeats ? good[0]! : next(), epoch });
    return [...good.map((household) => ({ record: messages.telemetry({ household, epoch }), verdict: 'VERIFIED' as const })), { record: bad, verdict: kind.verdict }];
  }
}
