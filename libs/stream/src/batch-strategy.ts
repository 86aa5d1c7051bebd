import { Catch, type RpcExceptionFilter } from '@nestjs/common';
import { BaseRpcContext, Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import { isObservable, lastValueFrom, throwError, type Observable } from 'rxjs';
import { AtsError } from '#libs/errors';
import type { KafkaRecord } from '#libs/events';
import type { KafkaClient } from './client.js';
import { describe, lasting } from './failures.js';
import type { GroupBatch } from './group-batch.js';
import { GroupConsumer } from './group-consumer.js';
import { DeadLetter, RecordBatch } from './record-batch.js';
import { backoff, pause, within } from './time.js';

/** A stop takes less than 5 s: for the batches under way, and for telling the group. */
const DRAIN_MS = 2500;
const LEAVE_MS = 1000;

export interface KafkaBatchStrategyParameters {
  kafka: KafkaClient;
  /** A new group begins at the start of its topics. */
  groupId: string;
  /** See GroupConsumerParameters. */
  memberFile?: string;
  /** See GroupConsumerParameters. */
  fetchBytes?: number;
  /** Begins with {@link KafkaBatchStrategy.close} when it is aborted: a stop's other work goes on beside it. */
  signal?: AbortSignal;
  onDeadLetter(record: KafkaRecord, reason: string): void | Promise<void>;
  /** The consumer has ended for good: the process must be started again. */
  onFatal(error: AtsError): void;
  onEvent?(event: BatchEvent): void;
}

export type BatchEvent =
  | { kind: 'joined'; partitions: { topic: string; partition: number }[] }
  | { kind: 'committed'; topic: string; partition: number; records: number; next: bigint }
  | { kind: 'dead-letter'; topic: string; partition: number; offset: bigint; reason: string }
  | { kind: 'retry'; topic: string; partition: number; attempt: number; why: string };

/**
 * Nest's transport for consumers of whole batches: `@EventPattern('topic') handle(batch: RecordBatch)`. The group's offset is committed when the handler has
 * resolved, never before: every record is handled at least once, those of a partition in order. A record that can't be handled becomes a dead letter and the
 * partition goes on; any other error of the handler brings the batch again, after a pause, until it resolves. Heartbeats are kept meanwhile. Of each partition
 * one batch is with its handler, and the next is fetched meanwhile.
 */
export class KafkaBatchStrategy extends Server implements CustomTransportStrategy {
  /** Nest must not log and forget what a handler throws. */
  override readonly propagatesEventHandlerErrors = true;
  readonly #options: KafkaBatchStrategyParameters;
  /** By partition: what is done with its newest batch. */
  readonly #work = new Map<string, Promise<void>>();
  #consumer: GroupConsumer | undefined;
  #joined = false;
  #closing: Promise<void> | undefined;

  constructor(options: KafkaBatchStrategyParameters) {
    super();
    this.#options = options;
  }

  /** Calls back at once: a broker that is away must not keep the app from answering its health checks. */
  listen(callback: (error?: unknown) => void): void {
    const { kafka, groupId, memberFile, fetchBytes, onEvent, onFatal } = this.#options;
    this.#consumer = new GroupConsumer({
      kafka, groupId, topics: [...this.messageHandlers.keys()], onFatal, ...(memberFile !== undefined && { memberFile }), ...(fetchBytes !== undefined && { fetchBytes }),
      onBatch: (batch) => this.#begin(batch),
      onJoin: (assignment) => {
        this.#joined = true;
        onEvent?.({ kind: 'joined', partitions: [...assignment].flatMap(([topic, partitions]) => partitions.map((partition) => ({ topic, partition }))) });
      },
    });
    this.#options.signal?.addEventListener('abort', () => void this.close(), { once: true });
    this.#consumer.start().catch((error: unknown) => onFatal(lasting(kafka.brokers, `group ${groupId}`, error) as AtsError));
    callback();
  }

  /** Completes what is under way, which its signal tells to hurry, and leaves the group: in less than 5 s, also while a broker is away. */
  async close(): Promise<void> {
    await (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    const { kafka, groupId } = this.#options;
    this.#consumer?.halt();
    // Heartbeats go on meanwhile: nobody else is given a partition that is worked on.
    await within(DRAIN_MS, 'batches under way', Promise.all(this.#work.values()))
      .catch((error: unknown) => kafka.log.warn(`group ${groupId} is left with a batch under way, which comes again: ${describe(error)}`));
    await this.#consumer?.stop(LEAVE_MS).catch((error: unknown) => kafka.log.warn(`group ${groupId} was not told that this member leaves: ${describe(error)}`));
  }

  /** True once the group was joined. */
  get joined(): boolean {
    return this.#joined;
  }

  on(): never {
    throw new AtsError('ATS_INTERNAL', 'this transport has no events of its own; pass onEvent');
  }

  unwrap<T>(): T {
    return this.#consumer as T;
  }

  /** Begins with a batch when the one before it is done, and returns then: kafkajs fetches the next, which waits here. */
  async #begin(group: GroupBatch): Promise<void> {
    const place = `${group.topic}/${group.partition}`;
    await this.#work.get(place);
    // An error of the group is kafkajs's to hear, and what is done later would hide it.
    await group.heartbeat();
    // Nor may it be committed past one that was given up because the membership ended, though nobody has joined since.
    if (!group.current() || !group.tenure.holds) return;
    group.resolve();
    this.#work.set(place, this.#complete(group));
  }

  /** A batch that was not completed comes again: by the next membership, or where this one stands, from where its fetch began. */
  async #complete(group: GroupBatch): Promise<void> {
    let completed = false;
    try {
      completed = await this.#handle(group);
    } catch (error) {
      this.#options.onEvent?.({ kind: 'retry', topic: group.topic, partition: group.partition, attempt: 0, why: describe(error) });
    }
    if (completed) return;
    await pause(backoff(0), group.tenure.signal);
    group.tenure.seek(group, group.fetchedOffset);
  }

  /** False when it was given up, for want of the partition or for a stop. What it throws, the commit has thrown. */
  async #handle(group: GroupBatch): Promise<boolean> {
    const { topic, partition } = group;
    const { onDeadLetter, onEvent } = this.#options;
    const signal = AbortSignal.any([group.signal, group.tenure.signal]);
    const batch = new RecordBatch(topic, partition, group.records, signal, async (record, reason) => {
      await onDeadLetter(record, reason);
      onEvent?.({ kind: 'dead-letter', topic, partition, offset: record.offset, reason });
    }, () => group.heartbeat());
    for (let attempt = 0; !(await this.#once(batch, attempt));) {
      if (!signal.aborted) await pause(backoff(attempt++), signal);
      // On a stop the group still counts it as ours, so that what was under way can be committed.
      if (signal.aborted || !group.current()) return false;
    }
    if (!group.owned()) return false;
    await group.commit();
    onEvent?.({ kind: 'committed', topic, partition, records: group.records.length, next: group.end });
    return true;
  }

  /** False when the batch must come again. */
  async #once(batch: RecordBatch, attempt: number): Promise<boolean> {
    const handler = this.messageHandlers.get(batch.topic)!;
    for (;;) {
      try {
        if (batch.records.length > 0) await settled(handler, batch);
        return true;
      } catch (error) {
        try {
          if (!(error instanceof DeadLetter)) throw error;
          await batch.deadLetter(error.record, error.reason);
        } catch (failure) {
          this.#options.onEvent?.({ kind: 'retry', topic: batch.topic, partition: batch.partition, attempt, why: describe(failure) });
          return false;
        }
      }
    }
  }
}

/** Nest answers with a value, a promise or an observable; an error may sit in any of them. Further handlers of the topic are called by the first. */
async function settled(handler: MessageHandler, batch: RecordBatch): Promise<void> {
  const answer: unknown = await handler(batch, new BaseRpcContext([batch]));
  if (isObservable(answer)) await lastValueFrom(answer, { defaultValue: undefined });
}

/** Hands a handler's error to the strategy as it is. Without it, Nest logs each error with its stack and replaces it by "Internal server error". */
@Catch()
export class BatchErrorFilter implements RpcExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}
