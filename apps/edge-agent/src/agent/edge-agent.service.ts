import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { readDeployment } from '#libs/chain';
import { isSignedWindow, loadHousehold, type SignedWindow } from '#libs/edge';
import { AtsError, isAtsError } from '#libs/errors';
import { EventCodec, registerSchemas } from '#libs/events';
import { chooseEngine, deploymentScope, type Prover } from '#libs/proofs';
import { CONFIG, LOG, Outage, Readiness, type Log } from '#libs/service';
import { connectKafka, EventProducer, LogReader, type KafkaClient } from '#libs/stream';
import { Registry } from 'prom-client';
import type { AgentConfig } from '../config.js';
import { Outbox } from '../durable/outbox.js';
import { createAgentMetrics, type AgentMetrics } from './agent-metrics.js';
import { ChainView } from './chain-view.js';
import { Proving } from './proving.js';
import { Sending } from './sending.js';
import { SensorLink, type Hello } from './sensor-link.js';
import { Wakeup } from './wakeup.js';

/** A send that takes longer has failed; on a stop it has a second more. */
const SEND_DEADLINE_MS = 10_000;
/** How long a full outbox waits before it is looked at again when nothing was sent, milliseconds. */
const FULL_PAUSE_MS = 5000;
/** How often the streams that the sensor samples are held against the policies, milliseconds. */
const WANT_EVERY_MS = 1000;

/** One household: takes windows from its sensor, proves them, sends them. */
@Injectable()
export class EdgeAgentService {
  readonly #changed = new Wakeup();
  readonly #metrics: AgentMetrics;
  #outbox: Outbox | undefined;
  #hello: Hello | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: AgentConfig,
    @Inject(LOG) private readonly log: Log,
    @Inject(Readiness) private readonly readiness: Readiness,
    @Inject(Registry) registry: Registry,
  ) {
    this.#metrics = createAgentMetrics(registry, () => this.#outbox);
  }

  /** Until the signal is aborted; then all that was begun is ended or stands in the outbox. */
  async run(stopping: AbortSignal): Promise<void> {
    const { config, log } = this;
    const household = loadHousehold(config.householdFolder);
    const deployment = readDeployment(config.deploymentFile);
    const outbox = await Outbox.open({
      folder: config.outboxFolder, maxBytes: config.outboxMaxMib * 2 ** 20, onDamage: (error) => log.error({ code: error.code }, error.message),
    });
    this.#outbox = outbox;
    const kafka = connectKafka({ brokers: config.kafkaBrokers, clientId: 'edge-agent', log: { info: (line) => log.info(line), warn: (line) => log.warn(line) } });
    const producer = new EventProducer(kafka, { deadlineMs: SEND_DEADLINE_MS, signal: stopping });
    const prover = this.#prover();
    const view = new ChainView(deployment);
    const broker = new Outage('broker', log, this.readiness);
    const proofs = new Outage('prover', log, this.readiness);
    const failing = new AbortController();
    const signal = AbortSignal.any([stopping, failing.signal]);
    const link = this.#sensor(outbox, signal);
    link.want(config.streams);

    const proveAndSend = async (): Promise<void> => {
      const schemas = new Outage('registry', log, this.readiness);
      const codec = EventCodec.fromIds(await schemas.outlast(() => registerSchemas(config.registryUrl), signal));
      const proving = new Proving({
        household, scope: deploymentScope(deployment), policyFamily: config.policyFamily, codec, prover, outbox, changed: this.#changed, metrics: this.#metrics,
        present: () => view.at(Date.now()), sensorKey: () => this.#hello?.publicKey, now: Date.now,
        waitFor: (name, what) => this.readiness.set(name, what), outage: (error) => tell(proofs, error), say: (line) => log.warn(line),
      });
      const sending = new Sending({
        outbox, changed: this.#changed, metrics: this.#metrics, proving, send: (records) => producer.send(records),
        outage: (error) => tell(broker, error), say: (line) => log.error(line),
      });
      await Promise.all([
        this.#followChain(kafka, view, signal),
        this.#askForStreams(view, link, signal),
        ...Array.from({ length: config.proverThreads }, () => proving.run(signal)),
        sending.run(signal),
      ]);
    };

    const work = [link.run(signal), proveAndSend()];
    // the prover ends its proofs under way only when it is closed
    signal.addEventListener('abort', () => { prover.close().catch((error: unknown) => log.error({ err: error }, 'the prover did not close')); }, { once: true });
    try {
      await Promise.all(work);
    } catch (error) {
      if (!stopping.aborted) throw error;
      if (!isAtsError(error) && error !== signal.reason) throw error;
    } finally {
      failing.abort();
      await Promise.allSettled(work);
      await producer.close().catch((error: unknown) => log.warn({ err: error }, 'the producer did not close'));
      kafka.close();
      await outbox.close();
    }
  }

  #prover(): Prover {
    const { config, log } = this;
    const engine = chooseEngine(config.prover);
    this.#metrics.prover(engine.name);
    if (engine.because === null) log.info(`${engine.name} makes proofs`);
    else log.warn(`${engine.name} makes proofs, for native/ is not built: ${engine.because}`);
    return engine.createProver({ threads: config.proverThreads });
  }

  #sensor(outbox: Outbox, signal: AbortSignal): SensorLink {
    const { config, log } = this;
    const own = [process.execPath, ...process.execArgv, join(import.meta.dirname, '..', 'sensor', `main${import.meta.filename.slice(-3)}`)];
    this.readiness.set('sensor', 'the sensor process');
    return new SensorLink({
      command: [...(config.sensorCommand ?? own), config.sensorFolder],
      onHello: (hello) => {
        this.#hello = hello;
        this.#metrics.sensorStart();
        this.readiness.set('sensor', null);
        const absent = config.streams.filter((stream) => !hello.streams.includes(stream));
        log.info({ streams: hello.streams, absent, epochSeconds: hello.epochSeconds }, 'the sensor has started');
      },
      onWindow: (window) => this.#take(outbox, window, signal),
      onSay: (line) => log.info({ sensor: line }, line),
      onGone: (error) => {
        this.readiness.set('sensor', error.message);
        log.warn({ code: error.code }, error.message);
      },
    });
  }

  /** Keeps a window durably, however long the outbox is full. */
  async #take(outbox: Outbox, window: SignedWindow, signal: AbortSignal): Promise<void> {
    if (!isSignedWindow(window)) {
      this.#metrics.givenUp('unsatisfied');
      this.log.error(`window ${window.epoch} of ${window.stream} is dropped: the sensor's signature does not hold`);
      return;
    }
    for (let told = false; !signal.aborted; told = true) {
      try {
        await outbox.accept(window);
        break;
      } catch (error) {
        if (!isAtsError(error, 'ATS_OUTBOX_FULL')) throw error;
        this.readiness.set('outbox', error.message);
        if (!told) this.log.error({ code: error.code }, error.message);
        await this.#changed.wait(signal, FULL_PAUSE_MS);
      }
    }
    signal.throwIfAborted();
    this.readiness.set('outbox', null);
    this.#metrics.window(window.stream);
    this.#changed.notify();
  }

  async #followChain(kafka: KafkaClient, view: ChainView, signal: AbortSignal): Promise<void> {
    const reader = new LogReader(kafka);
    const topic = new Outage('chain-events', this.log, this.readiness);
    try {
      const from = await topic.outlast(() => reader.earliest('chain-events', 0), signal);
      for await (const record of reader.follow('chain-events', 0, from, signal)) view.apply(record);
    } finally {
      await reader.close();
    }
  }

  /** Streams without a policy would be sampled for nothing; until the policies are known, all of them are: they could be proven later. */
  async #askForStreams(view: ChainView, link: SensorLink, signal: AbortSignal): Promise<void> {
    for (let asked = ''; !signal.aborted; await this.#changed.wait(signal, WANT_EVERY_MS)) {
      const present = view.at(Date.now());
      if ('waitingFor' in present) continue;
      const { policies, statements } = present.parameters;
      const epochSeconds = statements.find(({ topic }) => topic === 'telemetry')?.epochSeconds;
      const streams = this.config.streams.filter((stream) => policies.some((policy) => policy.topic === 'telemetry' && policy.family === this.config.policyFamily && policy.stream === stream));
      this.#compareEpochs(epochSeconds);
      if (asked === streams.join()) continue;
      asked = streams.join();
      link.want(streams);
    }
  }

  /** The sensor's epochs are its own; when the parameter set has others, its windows can't be proven. */
  #compareEpochs(epochSeconds: number | undefined): void {
    const own = this.#hello?.epochSeconds;
    if (own === undefined || epochSeconds === undefined) return;
    this.readiness.set('epochs', own === epochSeconds ? null
      : new AtsError('ATS_CONFIG_INVALID', `the sensor's epochs last ${own} s, the parameter set's ${epochSeconds} s`, { todo: 'Set epochSeconds in the sensor.json of its folder.' }).message);
  }
}

function tell(outage: Outage, error: AtsError | null): void {
  if (error) outage.begin(error);
  else outage.end();
}
