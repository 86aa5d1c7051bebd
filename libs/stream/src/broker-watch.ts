import { AtsError } from '#libs/errors';

/** Where the few lines about the connection go. */
export interface StreamLog {
  info(line: string): void;
  warn(line: string): void;
}

/** How long a broker must have left everything unanswered before it is told of: a restart of one connection is no outage. */
const OUTAGE_AFTER_MS = 1500;

/** A broker that was learned from others and has not been asked for so long may have left the cluster: it does not speak against an outage. */
const LEARNED_MS = 60_000;

interface Failing {
  /** performance.now() */
  readonly since: number;
  why: string;
  readonly announce: NodeJS.Timeout;
  told: boolean;
}

/**
 * Turns hundreds of failed attempts into one line when a broker stops answering and one when it answers again. It is an outage once none answers: each that
 * the client was given, and each that it learned of and that answered lately.
 */
export class BrokerWatch {
  readonly #failing = new Map<string, Failing>();
  /** When each broker answered last. */
  readonly #answered = new Map<string, number>();
  #problem: AtsError | null = null;
  #since = 0;

  constructor(
    private readonly brokers: readonly string[],
    private readonly log: StreamLog,
    private readonly onChange: (problem: AtsError | null) => void,
    private readonly afterMs = OUTAGE_AFTER_MS,
  ) {}

  /** The outage that is under way, or null. */
  get problem(): AtsError | null {
    return this.#problem;
  }

  /** @param broker host:port */
  failed(broker: string, why: string): void {
    const failing = this.#failing.get(broker);
    if (failing) failing.why = why;
    else this.#failing.set(broker, { since: performance.now(), why, told: false, announce: setTimeout(() => this.#tell(broker), this.afterMs).unref() });
    // One that answers later than the rest stopped may be the last that failed.
    if (failing?.told) this.#tell(broker);
  }

  answered(broker: string): void {
    this.#answered.set(broker, performance.now());
    const failing = this.#failing.get(broker);
    if (failing) {
      clearTimeout(failing.announce);
      this.#failing.delete(broker);
    }
    if (this.#problem) {
      this.#problem = null;
      this.log.info(`Kafka answers again after ${secondsSince(this.#since)} s`);
      this.onChange(null);
    } else if (failing?.told) {
      this.log.info(`Kafka broker ${broker} answers again after ${secondsSince(failing.since)} s`);
    }
  }

  /** Forgets everything: the client is closed. */
  close(): void {
    for (const { announce } of this.#failing.values()) clearTimeout(announce);
    this.#failing.clear();
  }

  #tell(broker: string): void {
    const failing = this.#failing.get(broker);
    if (!failing || this.#problem) return;
    if (this.#noneAnswers()) {
      this.#since = Math.min(...[...this.#failing.values()].map(({ since }) => since));
      for (const one of this.#failing.values()) one.told = true;
      this.#problem = unreachable(this.brokers, failing.why);
      this.log.warn(this.#problem.message);
      this.onChange(this.#problem);
    } else if (!failing.told) {
      failing.told = true;
      this.log.warn(`Kafka broker ${broker} does not answer, others may: ${failing.why}`);
    }
  }

  #noneAnswers(): boolean {
    const lately = performance.now() - LEARNED_MS;
    const learned = [...this.#answered].filter(([, at]) => at > lately).map(([broker]) => broker);
    return [...this.brokers, ...learned].every((broker) => this.#failing.has(broker));
  }
}

function secondsSince(at: number): string {
  return ((performance.now() - at) / 1000).toFixed(1);
}

/** The error that names the brokers that do not answer. */
export function unreachable(brokers: readonly string[], why: string, cause?: unknown): AtsError {
  return new AtsError('ATS_BROKER_UNREACHABLE', `${brokers.join(', ')}: ${why}`, { cause });
}
