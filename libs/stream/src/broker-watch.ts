import { AtsError } from '#libs/errors';

/** Where the few lines about the connection go. */
export interface StreamLog {
  info(line: string): void;
  warn(line: string): void;
}

/** How long every request must have failed before it is an outage: one broker of several, or a restart of one connection, is none. */
const OUTAGE_AFTER_MS = 1500;

/** Turns hundreds of failed attempts into one line when brokers stop answering and one when they answer again. */
export class BrokerWatch {
  #why = '';
  #failingSince: number | undefined;
  #announce: NodeJS.Timeout | undefined;
  #problem: AtsError | null = null;

  constructor(
    private readonly brokers: readonly string[],
    private readonly log: StreamLog,
    private readonly onChange: (problem: AtsError | null) => void,
  ) {}

  /** The outage that is under way, or null. */
  get problem(): AtsError | null {
    return this.#problem;
  }

  failed(why: string): void {
    this.#why = why;
    this.#failingSince ??= Date.now();
    if (this.#problem) return;
    this.#announce ??= setTimeout(() => this.#begin(), OUTAGE_AFTER_MS).unref();
  }

  answered(): void {
    if (this.#failingSince === undefined) return;
    const seconds = ((Date.now() - this.#failingSince) / 1000).toFixed(1);
    this.#failingSince = undefined;
    clearTimeout(this.#announce);
    this.#announce = undefined;
    if (!this.#problem) return;
    this.#problem = null;
    this.log.info(`Kafka answers again after ${seconds} s`);
    this.onChange(null);
  }

  /** Forgets everything: the client is closed. */
  close(): void {
    clearTimeout(this.#announce);
  }

  #begin(): void {
    this.#problem = unreachable(this.brokers, this.#why);
    this.log.warn(this.#problem.message);
    this.onChange(this.#problem);
  }
}

/** The error that names the brokers that do not answer. */
export function unreachable(brokers: readonly string[], why: string, cause?: unknown): AtsError {
  return new AtsError('ATS_BROKER_UNREACHABLE', `${brokers.join(', ')}: ${why}`, { cause });
}
