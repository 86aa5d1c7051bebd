import { Logger } from '@nestjs/common';
import type { AtsError } from '#libs/errors';
import { BrokerWatch, type StreamLog } from './broker-watch.js';
import { Kafka, logLevel, openSocket, type Admin, type Consumer, type KafkaJsClient, type LogEntry, type Producer, type SocketFactory } from './kafkajs.js';
import type { Unbroken } from './unbroken.js';

export interface ConnectKafkaParameters {
  /** host:port of at least one broker; the others are learned from it. */
  brokers: readonly string[];
  /** Names this process in the broker's logs and quotas. */
  clientId: string;
  /** Default: Nest's logger. */
  log?: StreamLog;
  /** Called with the problem when no broker answers any more, with null when one does again. */
  onReachability?: (problem: AtsError | null) => void;
}

/** Retries inside kafkajs. Short first waits, since CONCURRENT_TRANSACTIONS after each commit would cost 300 ms otherwise. */
const RETRY = { initialRetryTime: 10, multiplier: 1.5, maxRetryTime: 500, retries: 50 };

/** Messages of kafkajs's log that mean, beside a broker, that it can't be reached. */
const CONNECTION_FAILURE = /^(Connection error|Connection timeout|Failed to connect)/;

/**
 * How to reach Kafka. Opens no connection by itself: readers, producers and consumers connect when first used, and each has connections of its own.
 * A broker that does not answer is one line in the log, see {@link BrokerWatch}.
 */
export function connectKafka(parameters: ConnectKafkaParameters): KafkaClient {
  return new KafkaClient(parameters);
}

export class KafkaClient {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly log: StreamLog;
  readonly #watch: BrokerWatch;

  constructor({ brokers, clientId, log, onReachability = () => undefined }: ConnectKafkaParameters) {
    const nest = new Logger('Kafka');
    this.brokers = brokers;
    this.clientId = clientId;
    this.log = log ?? { info: (line) => nest.log(line), warn: (line) => nest.warn(line) };
    this.#watch = new BrokerWatch(brokers, this.log, onReachability);
  }

  /** The outage that is under way, or null. */
  get problem(): AtsError | null {
    return this.#watch.problem;
  }

  /**
   * A kafkajs client of its own for each role. Clients of one kafkajs object share a map of committed offsets, and a transactional producer writes
   * into it before its transaction commits.
   */
  role(name: string, { retries = RETRY.retries, unbroken }: { retries?: number; unbroken?: Unbroken } = {}): KafkaJsClient {
    return new Kafka({
      ...(unbroken && { socketFactory: socketsOf(unbroken) }),
      clientId: `${this.clientId}-${name}`,
      brokers: [...this.brokers],
      connectionTimeout: 2000,
      requestTimeout: 10_000,
      retry: { ...RETRY, retries },
      logLevel: logLevel.ERROR,
      logCreator: () => (entry: LogEntry) => {
        const { message, broker } = entry.log;
        if (typeof broker === 'string' && CONNECTION_FAILURE.test(message)) this.#watch.failed(broker, message.replace(/^.*Connection error: /, ''));
      },
    });
  }

  /** Lets a consumer, producer or admin tell the watch what its requests come to. */
  watched<T extends Consumer | Producer | Admin>(part: T): T {
    // The three overloads of `on` differ in their event names alone.
    const { events, on } = part as Consumer;
    on(events.REQUEST, ({ payload }) => this.#watch.answered(payload.broker));
    on(events.REQUEST_TIMEOUT, ({ payload }) => this.#watch.failed(payload.broker, `${payload.broker} left a request unanswered`));
    return part;
  }

  /** Ends the watch. Readers, producers and consumers are closed by their owners. */
  close(): void {
    this.#watch.close();
  }
}

function socketsOf(unbroken: Unbroken): SocketFactory {
  const open: typeof openSocket = (parameters) => unbroken.open(() => openSocket(parameters));
  return Object.assign(open, { isOver: () => unbroken.closed });
}
