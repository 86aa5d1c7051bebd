import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { readSecretFile } from '#libs/config';
import { AtsError } from '#libs/errors';
import { EventCodec, registerSchemas } from '#libs/events';
import { LogStore, noteSigner, parsePolicy, type NoteSigner } from '#libs/log';
import { CONFIG, LOG, Outage, Readiness, type Log } from '#libs/service';
import { clusterIdOf, connectKafka, LogReader, type KafkaClient } from '#libs/stream';
import { AuditTopic } from './audit-topic.js';
import type { ChainAnchorConfig } from './config.js';
import { whenThereIsRoom } from './disk-room.js';
import { EntryCheck, type Leaf } from './entry-check.js';
import { Halt, PASSING_OF_STORE } from './halt.js';
import { requireCluster } from './kafka-cluster.js';
import { keepLog } from './log-session.js';
import { AnchorMetrics } from './metrics.js';
import { publishedSize } from './published.js';
import { Publisher, type Cosigned } from './publisher.js';
import { Recorder } from './recorder.js';
import { Witnesses } from './witnesses.js';

const LOOK_AGAIN_MS = 5_000;

/** A store that was opened, with whose it is. */
export interface OpenedLog {
  readonly store: LogStore;
  readonly signer: NoteSigner;
  /** Size of its published checkpoint, 0 without one. */
  readonly published: number;
}

export interface KeepParameters {
  opened: OpenedLog;
  onAppended(leaves: readonly Leaf[], firstIndex: number): void;
  signal: AbortSignal;
}

/** Joins the log's rules to the real store, broker and witnesses, and outlasts their outages. */
@Injectable()
export class LogService {
  readonly #halt: Halt;
  readonly #disk: Outage;

  constructor(
    @Inject(CONFIG) private readonly config: ChainAnchorConfig,
    @Inject(LOG) private readonly log: Log,
    @Inject(Readiness) private readonly readiness: Readiness,
    @Inject(AnchorMetrics) private readonly metrics: AnchorMetrics,
  ) {
    this.#halt = new Halt(log, readiness, metrics);
    this.#disk = new Outage('disk', log, readiness);
  }

  /**
   * Takes the store for this process. One that is damaged, or whose checkpoint is not ours, may be put right while we look on; undefined when told to stop first.
   * @throws AtsError ATS_LOG_MISSING, ATS_LOG_LOCKED, ATS_LOG_DISK_FAILED, ATS_NOTE_KEY_INVALID, ATS_SECRET_EXPOSED, ATS_CONFIG_INVALID
   */
  async open(stopping: AbortSignal): Promise<OpenedLog | undefined> {
    const { config, metrics } = this;
    this.#halt.waiting('the comparison of the log with audit-log');
    const signer = noteSigner(readSecretFile(config.logKeyFile));
    while (!stopping.aborted) {
      let store: LogStore | undefined;
      try {
        store = await LogStore.open({ dir: config.logDir });
        const published = publishedSize(store, signer);
        metrics.size.set(store.head.size);
        metrics.publishedSize.set(published);
        return { store, signer, published };
      } catch (error) {
        await store?.close();
        this.#halt.begin(error, PASSING_OF_STORE);
      }
      await delay(LOOK_AGAIN_MS, undefined, { signal: stopping }).catch(() => undefined); // only an abort ends the wait early
    }
    return undefined;
  }

  /**
   * Keeps the log in step with the topic and publishes it, until the signal is aborted. A topic that does not agree with the log halts signing.
   * @throws AtsError ATS_LOG_FORKED and ATS_LOG_DISK_FAILED: the store must be opened again
   */
  async keep({ opened, onAppended, signal }: KeepParameters): Promise<void> {
    const { config, log, readiness } = this;
    const { store, signer, published } = opened;
    const kafka = connectKafka({
      brokers: config.kafkaBrokers, clientId: 'chain-anchor', log,
      onReachability: (problem) => readiness.set('kafka', problem && problem.message),
    });
    const reader = new LogReader(kafka, { signal });
    try {
      readiness.set('registry', 'the first answer of the schema registry');
      const ids = await new Outage('registry', log, readiness).outlast(() => registerSchemas(config.registryUrl), signal);
      const topic = new AuditTopic(reader, new EntryCheck(EventCodec.fromIds(ids), config.registryUrl, signal));
      const persist = <T>(write: () => Promise<T>, until: AbortSignal): Promise<T> => whenThereIsRoom(write, this.#disk, until);
      const recorder = this.#recorder(store, topic, persist, onAppended);
      const publisher = new Publisher({
        store, publishedSize: published, recorder, topic, signer, cosigner: this.#witnesses(store), persist,
        quorumRequired: config.witnessRequired, everyMs: config.publishMs,
        onCosigned: (cosigned) => this.#reportWitnesses(cosigned),
        onPublished: ({ size }, seconds) => {
          this.metrics.publishedSize.set(size);
          this.metrics.publishSeconds.observe(seconds);
          log.debug({ size }, 'checkpoint published');
        },
      });
      await keepLog({ recorder, publisher, halt: this.#halt, prepare: () => this.#prepare(kafka, store, signal), signal });
    } finally {
      await reader.close();
      kafka.close();
    }
  }

  async #prepare(kafka: KafkaClient, store: LogStore, signal: AbortSignal): Promise<void> {
    this.#halt.waiting('the comparison of the log with audit-log');
    requireCluster(this.config.logDir, await clusterIdOf(kafka, { signal }));
    this.log.info({ size: store.head.size }, 'comparing the log with audit-log');
  }

  #recorder(store: LogStore, topic: AuditTopic, persist: <T>(write: () => Promise<T>, signal: AbortSignal) => Promise<T>, onAppended: KeepParameters['onAppended']): Recorder {
    return new Recorder({
      store, topic, persist, batchEntries: this.config.batchEntries,
      onCompared: (compared, size) => this.#halt.waiting(`the comparison of the log with audit-log: ${compared} of ${size}`),
      onAppended: (leaves, firstIndex, seconds) => {
        this.metrics.size.set(store.head.size);
        this.metrics.appendSeconds.observe(seconds);
        onAppended(leaves, firstIndex);
      },
    });
  }

  #witnesses(store: LogStore): Witnesses | undefined {
    const { witnessPolicyFile: file, witnessTimeoutMs } = this.config;
    if (file === undefined) return undefined;
    return new Witnesses({
      policy: parsePolicy(readText(file)), tiles: store.tiles, timeoutMs: witnessTimeoutMs,
      onFailure: (witness, error, first) => {
        this.metrics.witnessFailures.inc({ witness });
        if (first) this.log.warn({ witness, code: error.code }, error.message);
      },
      onBack: (witness) => this.log.info({ witness }, 'cosigns again'),
    });
  }

  /** Without the quorum, and with the quorum wanted, nothing is published: that is what the app waits for then. */
  #reportWitnesses({ quorum, missing }: Cosigned): void {
    const problem = quorum ? null : new AtsError('ATS_WITNESS_QUORUM_MISSING', missing.join('; ') || 'the policy asks for more witnesses than it gives URLs of');
    this.readiness.set('witnesses', problem && this.config.witnessRequired ? problem.message : null);
    if (problem && this.config.witnessRequired) this.log.debug({ code: problem.code }, problem.message);
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new AtsError('ATS_CONFIG_INVALID', `${file} can't be read (${(error as NodeJS.ErrnoException).code})`, { cause: error });
  }
}
