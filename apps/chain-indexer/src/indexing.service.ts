import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { Gauge, Registry } from 'prom-client';
import { FinalizedChain, readDeployment } from '#libs/chain';
import type { ConfigValues } from '#libs/config';
import { isAtsError, type AtsCode } from '#libs/errors';
import { EventCodec, registerSchemas } from '#libs/events';
import { CONFIG, LOG, Outage, Readiness, type Log } from '#libs/service';
import { EventProducer, LogReader, connectKafka } from '#libs/stream';
import { ChainIndexer, type Progress } from './chain-indexer.js';
import type { config } from './config.js';
import { KafkaBlockLog } from './kafka-block-log.js';

/** Failures of the node that pass by themselves, or when someone corrects the node. Any other error ends the app. */
const NODE_FAILURES: readonly AtsCode[] = ['ATS_CHAIN_UNREACHABLE', 'ATS_CHAIN_RPC_INVALID', 'ATS_CHAIN_RPC_REFUSED'];

/** Runs the indexer against the real chain and broker, through their outages, until it is told to stop or must not go on. */
@Injectable()
export class IndexingService {
  readonly #written: Gauge;
  readonly #finalized: Gauge;

  constructor(
    @Inject(CONFIG) private readonly values: ConfigValues<(typeof config)['settings']>,
    @Inject(LOG) private readonly log: Log,
    @Inject(Readiness) private readonly readiness: Readiness,
    @Inject(Registry) metrics: Registry,
  ) {
    this.#written = new Gauge({ name: 'attestream_chain_written_block', help: 'Number of the newest block in chain-events.', registers: [metrics] });
    this.#finalized = new Gauge({ name: 'attestream_chain_finalized_block', help: "Number of the node's newest finalized block.", registers: [metrics] });
  }

  /** @throws AtsError as ChainIndexer.step does; outages of node, broker and registry are waited out. */
  async run(stopping: AbortSignal): Promise<void> {
    const { values, log, readiness } = this;
    readiness.set('chain', 'the first look at the chain');
    const deployment = readDeployment(values.deploymentFile);
    const ids = await new Outage('registry', log, readiness).outlast(() => registerSchemas(values.registryUrl), stopping);
    const kafka = connectKafka({
      brokers: values.kafkaBrokers, clientId: 'chain-indexer', log,
      onReachability: (problem) => readiness.set('kafka', problem && problem.message),
    });
    const reader = new LogReader(kafka, { signal: stopping });
    const producer = new EventProducer(kafka, { signal: stopping });
    try {
      const chain = new FinalizedChain(values.chainRpcUrl, deployment, 'registries', stopping);
      const blocks = new KafkaBlockLog(reader, producer, EventCodec.fromIds(ids), deployment.chainId);
      await this.#follow(new ChainIndexer(chain, blocks), stopping);
    } finally {
      await Promise.all([reader.close(), producer.close()]);
      kafka.close();
    }
  }

  async #follow(indexer: ChainIndexer, stopping: AbortSignal): Promise<void> {
    const outage = new Outage('chain', this.log, this.readiness);
    while (!stopping.aborted) {
      let catchingUp = false;
      try {
        const progress = await indexer.step();
        outage.end();
        this.#report(progress);
        catchingUp = progress.status === 'written' && progress.last < progress.finalized;
      } catch (error) {
        if (stopping.aborted && isAtsError(error, 'ATS_CHAIN_UNREACHABLE')) return; // the stop has ended the request
        if (isAtsError(error) && NODE_FAILURES.includes(error.code)) outage.begin(error);
        // the client's watch has told of it; the next step reads from the log where it stands
        else if (!isAtsError(error, 'ATS_BROKER_UNREACHABLE')) throw this.#fatal(error);
      }
      if (!catchingUp) await delay(this.values.pollMs, undefined, { signal: stopping }).catch(() => undefined);
    }
  }

  #report(progress: Progress): void {
    if (progress.last !== undefined) this.#written.set(progress.last);
    this.#finalized.set(progress.finalized);
    if (progress.status === 'written') this.log.debug(progress, 'blocks written');
    const behind = progress.status === 'node-behind' ? `the node has finalized block ${progress.finalized}, chain-events ends with ${progress.last}` : null;
    this.readiness.set('chain', behind);
  }

  #fatal(error: unknown): unknown {
    if (isAtsError(error)) this.readiness.set('chain', error.message);
    return error;
  }
}
