import { AtsError, isAtsError } from '#libs/errors';
import type { KafkaClient } from './client.js';
import { describe, isPassing, lasting, origin } from './failures.js';
import { GroupBatch } from './group-batch.js';
import { protocolError, type Consumer, type EachBatchPayload } from './kafkajs.js';
import { LogSession } from './log-session.js';
import { MemberFile } from './member-file.js';
import { Tenure } from './tenure.js';
import { backoff, pause, within } from './time.js';

/** Of a member that stopped answering; the broker's smallest. */
const SESSION_MS = 6000;
const HEARTBEAT_MS = 500;
const REBALANCE_MS = 10_000;
const LONG_POLL_MS = 100;

/** kafkajs hands out nothing new of any partition until all of a fetch is handled, and a megabyte can be 100,000 small records. */
const FETCH_BYTES = 256 * 1024;

/** An error code of the group's protocol. */
const REBALANCE_IN_PROGRESS = 27;

/** No fetch for twice this, though the broker answers and no batch is being handled, means that kafkajs has silently stopped. */
const STALL_MS = 20_000;

export interface GroupConsumerParameters {
  kafka: KafkaClient;
  groupId: string;
  topics: readonly string[];
  /** See MemberFile. */
  memberFile?: string;
  /** Most that one fetch takes of a partition, bytes. Default 256 KiB. */
  fetchBytes?: number;
  /** Batches are handled no faster than one of a partition in so many milliseconds, so that more comes with each fetch. Default: as fast as they come. */
  paceMs?: number;
  /** Batches of one partition come one at a time; those of different partitions together. What it throws is fatal: it handles its own errors. */
  onBatch(batch: GroupBatch): Promise<void>;
  /** Offsets of transaction markers and aborted records alone, which never make a batch. */
  onHidden?(topic: string, partition: number, first: bigint, last: bigint): void;
  /** Membership begins, or begins anew: what the earlier one brought is another member's, or comes again. */
  onJoin(assignment: ReadonlyMap<string, readonly number[]>, memberId: string, tenure: Tenure): void;
  /** The consumer has ended and does not come back: the process must be started again. */
  onFatal(error: AtsError): void;
}

/** One of kafkajs's consumers, and its membership from one join to the next. What a former consumer still says is of that one. */
interface Member {
  readonly consumer: Consumer;
  tenure: Tenure | undefined;
  /** Of its last join. */
  id: string | undefined;
}

/** A member of a consumer group that commits nothing by itself. Waits for the broker at the start, outlasts its outages, and tells when it can't go on. */
export class GroupConsumer {
  readonly #options: GroupConsumerParameters;
  readonly #session: LogSession;
  readonly #memberFile: MemberFile;
  readonly #tails = new Map<string, Promise<void>>();
  readonly #stop = new AbortController();
  #consumer: Consumer | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  #firstJoin: (() => void) | undefined;
  #generation = 0;
  #stopped = false;
  #handling = 0;
  #paced = -Infinity;
  #lastFetch = Date.now();

  constructor(options: GroupConsumerParameters) {
    this.#options = options;
    this.#session = new LogSession(options.kafka, `${options.groupId}-session`);
    this.#memberFile = new MemberFile(options.memberFile, (line) => options.kafka.log.warn(line));
  }

  /** Resolves when the group has been joined for the first time, or {@link stop} was called. */
  async start(): Promise<void> {
    await this.#leaveForPredecessor();
    const joined = new Promise<void>((resolve) => {
      this.#stop.signal.addEventListener('abort', () => resolve());
      this.#firstJoin = resolve;
    });
    await this.#run();
    if (this.#stop.signal.aborted) return;
    this.#startWatchdog();
    await joined;
  }

  /** Makes a consumer and lets it run, as soon as a broker answers. */
  async #run(): Promise<void> {
    const { kafka, groupId, topics } = this.#options;
    for (let attempt = 0; !this.#stop.signal.aborted; attempt++) {
      const member = this.#newMember();
      const { consumer } = member;
      try {
        await consumer.connect();
        await consumer.subscribe({ topics: [...topics], fromBeginning: true });
      } catch (error) {
        // It never came up; how it comes down tells nothing.
        await consumer.disconnect().catch(() => undefined);
        if (!isPassing(error)) throw lasting(kafka.brokers, `group ${groupId}`, error);
        const lastingly = lasting(kafka.brokers, topics.join(', '), error);
        if (attempt === 0 && isAtsError(lastingly, 'ATS_TOPIC_MISSING')) kafka.log.warn(lastingly.message);
        await pause(backoff(attempt), this.#stop.signal);
        continue;
      }
      if (this.#stop.signal.aborted) return await consumer.disconnect();
      this.#consumer = consumer;
      await consumer.run({
        autoCommit: false, eachBatchAutoResolve: false, partitionsConsumedConcurrently: 16,
        eachBatch: (payload) => this.#inTurn(payload, member),
      });
      return;
    }
  }

  /** Tells whoever works on records to hurry to an end; membership goes on until {@link stop}. */
  halt(): void {
    this.#stop.abort();
    clearInterval(this.#watchdog);
  }

  /** Lets batches under way end, which their signal tells to hurry, and leaves the group. Throws when that takes longer than so many milliseconds. */
  async stop(patienceMs = 15_000): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.halt();
    try {
      await within(patienceMs, `leaving group ${this.#options.groupId}`, this.#consumer?.disconnect() ?? Promise.resolve());
      this.#memberFile.remove();
    } finally {
      await this.#session.close();
    }
  }

  #newMember(): Member {
    const { kafka, groupId, onJoin, onHidden, fetchBytes = FETCH_BYTES } = this.#options;
    const consumer = kafka.watched(kafka.role(groupId).consumer({
      groupId, sessionTimeout: SESSION_MS, heartbeatInterval: HEARTBEAT_MS, rebalanceTimeout: REBALANCE_MS, maxWaitTimeInMs: LONG_POLL_MS, maxBytesPerPartition: fetchBytes, allowAutoTopicCreation: false,
    }));
    const member: Member = { consumer, tenure: undefined, id: undefined };
    consumer.on('consumer.fetch_start', () => { this.#lastFetch = Date.now(); });
    consumer.on('consumer.group_join', ({ payload: { memberId, memberAssignment } }) => {
      this.#generation++;
      member.tenure?.end();
      member.tenure = new Tenure(consumer, this.#stop.signal);
      member.id = memberId;
      this.#memberFile.write(memberId);
      onJoin(new Map(Object.entries(memberAssignment)), memberId, member.tenure);
      this.#firstJoin?.();
    });
    consumer.on('consumer.heartbeat', () => member.tenure?.answered());
    for (const end of ['consumer.rebalancing', 'consumer.stop'] as const) consumer.on(end, () => member.tenure?.end());
    consumer.on('consumer.end_batch_process', ({ payload }) => {
      const first = payload.firstOffset as string | null;
      if (payload.batchSize === 0 && first !== null) onHidden?.(payload.topic, payload.partition, BigInt(first), BigInt(payload.lastOffset));
    });
    consumer.on('consumer.crash', ({ payload }) => {
      // Whatever takes its place joins as somebody new, and the group would wait for the one that it knows until its session has ended.
      if (member.id !== undefined) void this.#takeOut(member.id);
      member.id = undefined;
      // With restart set, kafkajs starts the consumer again by itself. It gives up on some errors that pass, such as a coordinator not found
      // just after the broker came back: then another consumer takes its place.
      if (payload.restart || this.#stop.signal.aborted) return;
      if (isPassing(payload.error)) this.#run().catch((error: unknown) => this.#fail(`group ${groupId}: ${describe(error)}`, error));
      else this.#fail(`group ${groupId}: ${describe(payload.error)}`, payload.error);
    });
    return member;
  }

  /** kafkajs may hand out a partition again, after a rebalance, while an earlier batch of it is still being handled. */
  async #inTurn(payload: EachBatchPayload, member: Member): Promise<void> {
    const place = `${payload.batch.topic}/${payload.batch.partition}`;
    const turn = (this.#tails.get(place) ?? Promise.resolve()).then(() => this.#handle(payload, member));
    this.#tails.set(place, turn.catch(() => undefined));
    await turn;
  }

  async #handle(payload: EachBatchPayload, member: Member): Promise<void> {
    const generation = this.#generation;
    const tenure = member.tenure!;
    // A join that failed in a rebalance which the coordinator has forgotten, since it was killed: kafkajs goes on fetching, and the coordinator is content.
    // Nobody would take what is fetched; an error of the protocol makes it join again.
    if (!tenure.holds && payload.isRunning() && !this.#stop.signal.aborted) throw protocolError(REBALANCE_IN_PROGRESS);
    tenure.beatBy(() => payload.heartbeat());
    if (tenure.isSilent) {
      await payload.heartbeat();
      // kafkajs takes it for the coordinator's answer, and joins again.
      if (tenure.isSilent) throw protocolError(REBALANCE_IN_PROGRESS);
    }
    const batch = new GroupBatch(payload, tenure, () => this.#generation === generation, this.#stop.signal);
    if (!batch.current()) return;
    this.#handling++;
    const beating = setInterval(() => batch.beat(), HEARTBEAT_MS);
    try {
      await this.#options.onBatch(batch);
      await this.#pace();
    } catch (error) {
      // An error of the group's protocol goes to kafkajs, which joins again; any other is not for it to judge.
      if (!batch.groupError) this.#fail(`group ${this.#options.groupId}: ${describe(error)}`, error);
    } finally {
      clearInterval(beating);
      this.#handling--;
      this.#lastFetch = Date.now();
    }
    if (batch.groupError) throw batch.groupError;
  }

  /** kafkajs fetches again when all batches of a fetch are handled. One that comes alone was not held up, only what would follow at once. */
  async #pace(): Promise<void> {
    const early = this.#paced + (this.#options.paceMs ?? 0) - performance.now();
    if (early > 0) await pause(early, this.#stop.signal);
    this.#paced = performance.now();
  }

  async #leaveForPredecessor(): Promise<void> {
    const memberId = this.#memberFile.read();
    if (memberId !== undefined) await this.#takeOut(memberId);
  }

  /** Takes a member out of the group that will not come back, as soon as a broker answers. */
  async #takeOut(memberId: string): Promise<void> {
    const { groupId, kafka } = this.#options;
    try {
      await this.#session.leaveGroup(groupId, memberId, { patienceMs: Infinity, signal: this.#stop.signal });
    } catch (error) {
      // Already gone is as good; anything else costs one session's time and no more.
      if (origin(error).type !== 'UNKNOWN_MEMBER_ID' && !this.#stop.signal.aborted) kafka.log.warn(`could not take the former member ${memberId} out of group ${groupId}: ${describe(error)}`);
    }
  }

  #startWatchdog(): void {
    let strikes = 0;
    let asking = false;
    this.#lastFetch = Date.now();
    this.#watchdog = setInterval(() => {
      if (Date.now() - this.#lastFetch < STALL_MS || this.#handling > 0) {
        strikes = 0;
        return;
      }
      if (asking) return;
      asking = true;
      void this.#session.ping().then(
        () => { if (++strikes === 2) this.#fail(`group ${this.#options.groupId}: no fetch for ${(2 * STALL_MS) / 1000} s though the broker answers`); },
        // No answer: the broker is away, and the client's watch has said so.
        () => { strikes = 0; },
      ).finally(() => {
        asking = false;
        this.#lastFetch = strikes > 0 ? this.#lastFetch + STALL_MS : Date.now();
      });
    }, 1000).unref();
  }

  #fail(why: string, cause?: unknown): void {
    if (this.#stop.signal.aborted) return;
    clearInterval(this.#watchdog);
    this.#options.onFatal(new AtsError('ATS_CONSUMER_ENDED', why, { cause }));
  }
}
