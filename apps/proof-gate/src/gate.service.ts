import { Inject, Injectable } from '@nestjs/common';
import { readDeployment, RegistryProjection } from '#libs/chain';
import type { AtsError } from '#libs/errors';
import { decodeBlock, EventCodec, EventReader, registerSchemas, TOPICS } from '#libs/events';
import { chooseEngine, deploymentScope, Verifiers } from '#libs/proofs';
import { CONFIG, LOG, Outage, Readiness, type Log } from '#libs/service';
import { connectKafka, ensureTopics, ExactlyOnceProcessor, LogReader, watchTransactions, type KafkaClient, type PartitionContext, type ProcessorEvent } from '#libs/stream';
import { EMPTY_STATE, isRecorded, ParameterSets, SOURCE_TOPICS, type SourceTopic } from '#libs/verdict';
import type { GateConfig } from './config.js';
import { Judge, memoryOf, type Examined, type Memory, type Place } from './judge.js';
import { GateMetrics } from './metrics.js';
import { outlastBroker } from './outlast-broker.js';
import { rebuildState } from './partition-memory.js';
import { RegistryFollower } from './registry-follower.js';
import { TransactionWatch, WATCHED_TOPICS } from './transaction-watch.js';
import { Verification } from './verification/verification.js';

/** Fixed for ever: the group's offsets and the transactional ids are what makes a record's verdict its only one. */
const GROUP = 'proof-gate';

/** A stop is noticed between two attempts to reach a broker. */
const BROKER_PATIENCE_MS = 5000;

/** Joins the rules to the real broker, chain projection, registry and verifier, and outlasts their outages. */
@Injectable()
export class GateService {
  private readonly stuck = new Set<string>();

  constructor(
    @Inject(CONFIG) private readonly config: GateConfig,
    @Inject(LOG) private readonly log: Log,
    @Inject(Readiness) private readonly readiness: Readiness,
    @Inject(GateMetrics) private readonly metrics: GateMetrics,
  ) {}

  /**
   * Judges until it is told to stop. Outages of broker, registry and chain and missing circuits are waited out.
   * @throws AtsError when it must not go on: ATS_CHAIN_DIVERGED, ATS_CHAIN_WRONG, ATS_TOPIC_MISMATCH, ATS_DEPLOYMENT_INVALID, ATS_CONSUMER_ENDED
   */
  async run(stopping: AbortSignal): Promise<void> {
    const { config, log, readiness } = this;
    const deployment = readDeployment(config.deploymentFile);
    const kafka = connectKafka({
      brokers: config.kafkaBrokers, clientId: GROUP, log,
      onReachability: (problem) => readiness.set('broker', problem && problem.message),
    });
    const projection = new RegistryProjection(deployment);
    const events = new EventReader(config.registryUrl);
    const outages = { telemetry: new Outage('parameters of telemetry', log, readiness), 'bci-intent': new Outage('parameters of bci-intent', log, readiness) };
    const engine = chooseEngine(config.verifier);
    this.metrics.verifier.set({ name: engine.name }, 1);
    const told = `${engine.name} verifies proofs${engine.because === null ? '' : `, for native/ is not built: ${engine.because}`}`;
    if (engine.because === null) log.info(told);
    else log.warn(told);
    const { threads, calls, mostProofs } = batching(engine.name, config.verifierThreads);
    const verifiers = new Verifiers(config.circuitsDir, threads, engine.createVerifier);
    const verification = new Verification({
      calls, mostProofs, paceMs: PROOFS_PACE_MS,
      verify: (proofs) => verifiers.verifyBatch(proofs),
      onBatch: ({ proofs, seconds, standing }) => {
        this.metrics.verifyProofs.observe({ standing }, proofs);
        this.metrics.verifySeconds.observe({ standing }, seconds);
      },
    });
    const follower = new RegistryFollower({
      projection,
      decode: decodeBlock,
      outage: new Outage('chain', log, readiness),
      readiness,
      onBlock: ({ number }) => this.metrics.chainHead.set(number),
    });
    try {
      const codec = await this.prepare(kafka, stopping);
      const judge = new Judge({
        codec, events, follower, verification, verifiers, metrics: this.metrics,
        context: { scope: deploymentScope(deployment), registry: projection, decode: (topic, value, set) => events.decode(topic, value, set) },
        outageOf: (topic) => outages[topic],
        parameterSets: new ParameterSets(projection),
      });
      await this.process(kafka, codec, judge, follower, verification, stopping);
    } finally {
      await verifiers.close();
      kafka.close();
    }
  }

  /** Topics as they must be, since a verdict depends on their clock and partition count, and the ids that the gate writes with. */
  private async prepare(kafka: KafkaClient, stopping: AbortSignal): Promise<EventCodec> {
    const { config, log, readiness } = this;
    readiness.set('registry', 'the first answer of the schema registry');
    const ids = await new Outage('registry', log, readiness).outlast(() => registerSchemas(config.registryUrl), stopping);
    readiness.set('topics', 'a broker, to compare the topics');
    await outlastBroker(() => ensureTopics(kafka, TOPICS, { patienceMs: BROKER_PATIENCE_MS }), stopping);
    readiness.set('topics', null);
    return EventCodec.fromIds(ids);
  }

  private async process(kafka: KafkaClient, codec: EventCodec, judge: Judge, follower: RegistryFollower, verification: Verification, stopping: AbortSignal): Promise<void> {
    const { config, readiness } = this;
    const reader = new LogReader(kafka);
    const fatal = Promise.withResolvers<never>();
    const end = new AbortController();
    const signal = AbortSignal.any([stopping, end.signal]);
    const processor = new ExactlyOnceProcessor<Memory, Examined>({
      kafka, groupId: GROUP, topics: SOURCE_TOPICS, transactionalIdPrefix: GROUP, maxRecords: config.batchRecords,
      ...(config.memberFile !== undefined && { memberFile: config.memberFile }),
      open: async ({ topic, partition, reader: partitionReader }) => {
        const source = topic as SourceTopic;
        if (isRecorded(source)) return memoryOf(EMPTY_STATE);
        const stopTimer = this.metrics.rebuildSeconds.startTimer({ topic });
        const state = await rebuildState(source, partition, { reader: partitionReader, codec, registryUrl: config.registryUrl });
        stopTimer();
        return memoryOf(state);
      },
      prepare: (memory, records, at) => judge.prepare(memory, records, placeOf(at)),
      process: (memory, records, at, prepared) => judge.process(memory, records, placeOf(at), prepared),
      onEvent: (event) => this.report(event),
      onFatal: (error: AtsError) => fatal.reject(error),
    });
    this.metrics.measureWaiting(() => ({ ...load(processor), proofs: verification.waiting }));
    readiness.set('group', 'to join the consumer group');
    const following = follower.run(reader, signal);
    const watch = new TransactionWatch(this.log, readiness, this.metrics);
    const watching = watchTransactions(kafka, { topics: WATCHED_TOPICS, onLook: (held) => watch.look(held) }, signal);
    try {
      const started = processor.start().then(() => readiness.set('group', null));
      await Promise.race([fatal.promise, following, Promise.all([started, aborted(stopping)])]);
    } finally {
      end.abort();
      await processor.stop();
      await Promise.allSettled([following, watching]); // told by the race, or only that they were stopped
      await reader.close();
    }
  }

  /** A partition that begins again is not ready until its state is rebuilt, or somebody else has it. */
  private report(event: ProcessorEvent): void {
    switch (event.kind) {
      case 'reset':
        this.metrics.resets.inc({ topic: event.topic });
        this.setStuck(nameOf(event), event.why);
        return this.log.warn(event, `${nameOf(event)} begins again at its committed offset: ${event.why}`);
      case 'committed':
        this.setStuck(nameOf(event), null);
        this.metrics.commitSeconds.observe({ topic: event.topic }, event.milliseconds / 1000);
        return this.log.debug(event, 'committed');
      case 'joined': {
        const mine = new Set(event.partitions.map(nameOf));
        for (const name of this.stuck) if (!mine.has(name)) this.setStuck(name, null);
        return this.log.info({ partitions: [...mine] }, `judges ${mine.size} partitions`);
      }
      case 'opened':
        // not first at a commit: where only the answer was lost, there may be nothing left to commit
        this.setStuck(nameOf(event), null);
        return this.log.info(event, `${nameOf(event)} goes on at ${event.next}`);
      case 'seek':
        return this.log.debug(event, 'seek');
    }
  }

  private setStuck(name: string, why: string | null): void {
    if (why === null) this.stuck.delete(name);
    else this.stuck.add(name);
    this.readiness.set(name, why);
  }
}

/** A batch has a fixed price, about that of five more proofs, which small batches pay all the more often. Milliseconds. */
const PROOFS_PACE_MS = 10;

/**
 * native/ takes a batch on each thread: one equation for many proofs, and no thread waits for another. snarkjs has nothing to gain from a batch; it gets as many
 * proofs as keep its threads busy.
 */
function batching(engine: 'native' | 'snarkjs', threads: number): { threads: number; calls: number; mostProofs: number } {
  return engine === 'native' ? { threads: 1, calls: threads, mostProofs: 256 } : { threads, calls: 1, mostProofs: 8 * threads };
}

function placeOf({ topic, partition, signal }: PartitionContext): Place {
  return { topic: topic as SourceTopic, partition, signal };
}

function load(processor: ExactlyOnceProcessor<Memory, Examined>): { queued: number; ahead: number } {
  const { partitions } = processor.status();
  return { queued: partitions.reduce((sum, { queued }) => sum + queued, 0), ahead: partitions.reduce((sum, { ahead }) => sum + ahead, 0) };
}

function nameOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}[${partition}]`;
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
