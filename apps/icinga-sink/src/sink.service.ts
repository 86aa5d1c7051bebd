import { Inject, Injectable } from '@nestjs/common';
import { isAtsError } from '#libs/errors';
import type { EventOf, KafkaRecord } from '#libs/events';
import { CONFIG, LOG, Outage, Readiness, STOPPING, unlessAborted, type Log } from '#libs/service';
import { connectKafka, KafkaBatchStrategy, LogReader, type BatchEvent, type KafkaClient, type RecordBatch } from '#libs/stream';
import { checkResultOf, type ServiceCheckResult } from './check-result.js';
import type { SinkConfig } from './config.js';
import { IcingaConnection } from './icinga-connection.js';
import { SinkMetrics } from './metrics.js';
import { RestartWatch } from './restart-watch.js';
import { ServiceStates } from './service-states.js';
import { Takeover } from './takeover.js';
import { VerifiedReader } from './verified-reader.js';

/** Its offsets say what Icinga2 has accepted. */
const GROUP = 'icinga-sink';
/** Some 1,200 events of a partition: the next fetch comes while they are submitted, and its decoding does not last until the last of them is answered. */
const FETCH_BYTES = 512 * 1024;
const STATE_NAMES = ['OK', 'WARNING', 'CRITICAL', 'UNKNOWN'] as const;

/** Joins the rule to the real log and the real Icinga2, and outlasts their outages. */
@Injectable()
export class SinkService {
  private readonly kafka: KafkaClient;
  private readonly states: ServiceStates;
  private readonly logReader: LogReader;
  private readonly takeover: Takeover;
  private readonly watch: RestartWatch;
  private readonly fatal = Promise.withResolvers<never>();
  private readonly verified = Promise.withResolvers<VerifiedReader>();
  /** What exists in Icinga2 is known. */
  private readonly loaded = Promise.withResolvers<void>();

  constructor(
    @Inject(CONFIG) private readonly config: SinkConfig,
    @Inject(LOG) private readonly log: Log,
    @Inject(Readiness) private readonly readiness: Readiness,
    @Inject(SinkMetrics) private readonly metrics: SinkMetrics,
    @Inject(IcingaConnection) private readonly icinga: IcingaConnection,
    @Inject(STOPPING) private readonly stopping: AbortSignal,
  ) {
    this.states = new ServiceStates(icinga.objects);
    this.watch = new RestartWatch(icinga, this.states, metrics, log);
    this.kafka = connectKafka({
      brokers: config.kafkaBrokers, clientId: GROUP, log,
      onReachability: (problem) => readiness.set('broker', problem && problem.message),
    });
    this.logReader = new LogReader(this.kafka, { signal: stopping });
    this.takeover = new Takeover({
      reader: this.logReader, groupId: GROUP, states: this.states, freshnessSeconds: config.freshnessSeconds,
      resultOf: (record, signal) => this.recalled(record, signal),
    });
    readiness.set('registry', 'the first answer of the schema registry');
    readiness.set('icinga', 'the first answer of Icinga2');
    readiness.set('group', 'to join the consumer group');
  }

  /** The transport whose batches {@link submit} takes. */
  strategy(): KafkaBatchStrategy {
    const { memberFile } = this.config;
    return new KafkaBatchStrategy({
      kafka: this.kafka, groupId: GROUP, fetchBytes: FETCH_BYTES, signal: this.stopping, ...(memberFile !== undefined && { memberFile }),
      onDeadLetter: (record, reason) => this.putAside(record, reason),
      onFatal: (error) => this.fatal.reject(error),
      onEvent: (event) => this.report(event),
    });
  }

  /**
   * Until told to stop: watches Icinga2 for what it loses.
   * @throws AtsError ATS_CONSUMER_ENDED, ATS_SCHEMA_INCOMPATIBLE, ATS_LOG_UNREADABLE
   */
  async run(): Promise<void> {
    const { config, log, readiness, stopping } = this;
    const work = async () => {
      this.verified.resolve(await VerifiedReader.open(config.registryUrl, new Outage('registry', log, readiness), stopping));
      await this.watch.run(stopping, () => this.loaded.resolve());
    };
    try {
      await Promise.race([this.fatal.promise, work()]);
    } finally {
      await this.logReader.close();
      this.kafka.close();
    }
  }

  /** Submits a batch; resolves when Icinga2 has accepted all of it that it shall see, and only then is it committed. */
  async submit(batch: RecordBatch): Promise<void> {
    const [reader] = await unlessAborted(Promise.all([this.verified.promise, this.takeover.done, this.loaded.promise]), batch.signal);
    const results: ServiceCheckResult[] = [];
    for (const record of batch.records) {
      try {
        const event = reader.decode(record, batch.signal);
        const result = this.resultOf(event instanceof Promise ? await event : event);
        if (result === null) this.metrics.skipped.inc({ reason: 'late' });
        else results.push(result);
      } catch (error) {
        if (!isAtsError(error)) throw error;
        await batch.deadLetter(record, error.code);
      }
    }
    try {
      // A member that was frozen learns here that it is one no more, before it puts old states over those of its successor.
      await batch.heartbeat();
      await Promise.all(results.map((result) => this.offer(result, batch.signal)));
      this.icinga.refusal.end();
    } catch (error) {
      if (isAtsError(error, 'ATS_ICINGA_REFUSED')) this.icinga.refusal.begin(error);
      throw error;
    }
  }

  /** @throws AtsError when the event can be no service of Icinga2 */
  private resultOf(event: EventOf<'telemetry.verified'>): ServiceCheckResult | null {
    return checkResultOf(event, { freshnessSeconds: this.config.freshnessSeconds, now: Date.now() });
  }

  /** What is no verified event was put aside when it was consumed. */
  private async recalled(record: KafkaRecord, signal: AbortSignal): Promise<ServiceCheckResult | null> {
    const reader = await unlessAborted(this.verified.promise, signal);
    try {
      return this.resultOf(await reader.decode(record, signal));
    } catch (error) {
      if (isAtsError(error)) return null;
      throw error;
    }
  }

  private offer(result: ServiceCheckResult, signal: AbortSignal): Promise<void> {
    return this.states.offer(result, signal).then((outcome) => {
      if (outcome !== 'accepted') return this.metrics.skipped.inc({ reason: outcome });
      this.metrics.results.inc({ state: STATE_NAMES[result.result.state] });
      this.metrics.latency.observe((Date.now() - result.producedAt) / 1_000);
    });
  }

  private async takeOver(partitions: readonly number[]): Promise<void> {
    this.readiness.set('takeover', 'the log, to read back what was submitted to Icinga2 before');
    if (!(await this.takeover.begin(partitions, this.stopping))) return;
    this.readiness.set('takeover', null);
    this.watch.invalidate();
  }

  private putAside({ topic, partition, offset }: KafkaRecord, reason: string): void {
    this.metrics.deadLetters.inc({ reason });
    this.log.error({ topic, partition, offset: String(offset), reason }, `${topic}[${partition}] ${offset} is no verified event (${reason}): skipped`);
  }

  private report(event: BatchEvent): void {
    if (event.kind === 'joined') {
      this.readiness.set('group', null);
      this.takeOver(event.partitions.map(({ partition }) => partition)).catch((error: unknown) => this.fatal.reject(error));
      this.log.info({ partitions: event.partitions.length }, `submits ${event.partitions.length} partitions`);
    } else {
      this.log.debug(event, event.kind);
    }
  }
}
