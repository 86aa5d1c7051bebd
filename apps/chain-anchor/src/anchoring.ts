import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { AnchorWorker, externalSigner, keyFileSigner, type AnchorEvent, type TransactionSigner } from '#libs/anchor';
import { logIdOf, readDeployment } from '#libs/chain';
import { AtsError, isAtsError } from '#libs/errors';
import { consistencyProof, parseCheckpoint, parseNote, type LogStore, type TreeHead } from '#libs/log';
import { CONFIG, LOG, Readiness, type Log } from '#libs/service';
import type { ChainAnchorConfig } from './config.js';
import { AnchorMetrics } from './metrics.js';
import { TimeToAnchor } from './time-to-anchor.js';

const STATUS_MS = 250;
const WEI_A_GWEI = 10n ** 9n;

/** Puts the published checkpoints on chain. What goes wrong here is told and holds up no entry of the log. */
@Injectable()
export class Anchoring {
  readonly #times = new TimeToAnchor();
  #final = 0;

  constructor(
    @Inject(CONFIG) private readonly config: ChainAnchorConfig,
    @Inject(LOG) private readonly log: Log,
    @Inject(Readiness) private readonly readiness: Readiness,
    @Inject(AnchorMetrics) private readonly metrics: AnchorMetrics,
  ) {}

  /**
   * The worker for this log; undefined when no account is configured to anchor with. The signal ends its requests.
   * @throws AtsError ATS_CONFIG_INVALID, ATS_SECRET_EXPOSED, ATS_DEPLOYMENT_INVALID
   */
  prepare(store: LogStore, signal: AbortSignal): AnchorWorker | undefined {
    const { config } = this;
    const signer = this.#signer(signal);
    if (!signer) return undefined;
    const { chainRpcUrls: endpoints, anchorJournalFile: journalFile } = config;
    if (endpoints === undefined || journalFile === undefined) throw new AtsError('ATS_CONFIG_INVALID', 'anchoring needs ATTESTREAM_CHAIN_RPC_URLS and ATTESTREAM_ANCHOR_JOURNAL_FILE');
    const { chainId, checkpointAnchor } = readDeployment(config.deploymentFile);
    return new AnchorWorker({
      journalFile, endpoints, chainId, contract: checkpointAnchor, logId: logIdOf(store.origin), signer, pollMs: config.anchorPollMs, signal,
      ...(config.chainRpcQuorum !== undefined && { quorum: config.chainRpcQuorum }),
      source: {
        latest: () => Promise.resolve(publishedHead(store)),
        consistencyProof: (from, to) => consistencyProof(from, to, store.tiles),
      },
      policy: {
        minEntries: config.anchorMinEntries, maxAgeSeconds: config.anchorMaxAgeSeconds, maxFeeGwei: config.anchorMaxFeeGwei, maxCostWei: BigInt(config.anchorMaxCostGwei) * WEI_A_GWEI,
        ...(config.anchorTargetBaseFeeGwei !== undefined && { targetBaseFeeGwei: config.anchorTargetBaseFeeGwei }),
      },
      onEvent: (event) => this.#tell(event),
    });
  }

  /** Anchors until the signal is aborted. A journal that cannot be used ends the anchoring, not the log. */
  async run(worker: AnchorWorker, signal: AbortSignal): Promise<void> {
    const working = new AbortController();
    const watching = this.#watch(worker, AbortSignal.any([signal, working.signal]));
    try {
      await worker.run(signal);
    } catch (error) {
      if (!isAtsError(error)) throw error;
      this.#problem(error);
      this.log.error({ code: error.code }, `nothing is anchored: ${error.message}`);
    } finally {
      working.abort();
      await watching;
    }
  }

  /** Entries `firstIndex` and on, by the broker times of their source records, have got into the log. */
  appended(firstIndex: number, producedAt: readonly number[]): void {
    this.#times.appended(firstIndex, producedAt);
  }

  async #watch(worker: AnchorWorker, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { anchored } = worker.status();
      if (anchored) this.metrics.anchoredSize.set(anchored.size);
      if (anchored?.finalized) this.#finalized(anchored.size);
      await delay(STATUS_MS, undefined, { signal }).catch(() => undefined); // only an abort ends the wait early
    }
  }

  #finalized(size: number): void {
    if (size <= this.#final) return;
    this.#final = size;
    this.metrics.finalizedSize.set(size);
    this.metrics.anchored();
    for (const seconds of this.#times.final(size, Date.now())) this.metrics.produceToAnchorSeconds.observe(seconds);
  }

  #tell(event: AnchorEvent): void {
    const { log } = this;
    switch (event.type) {
      case 'problem':
        this.#problem(event.error);
        return log.warn({ code: event.error.code }, event.error.message);
      case 'solved':
        this.#problem(null);
        return log.info({ code: event.error.code }, 'anchoring goes on');
      case 'endpoint-out':
      case 'endpoint-contradicts':
        return log.warn({ endpoint: event.endpoint, code: event.error.code }, event.error.message);
      case 'endpoint-in':
        return log.info({ endpoint: event.endpoint }, 'this chain endpoint answers again');
      case 'resumed':
        return log.info({ step: event.job.step, size: event.job.target.size }, 'goes on with the anchor that was under way');
      case 'final':
      case 'adopted':
        this.#finalized(event.head.size);
        return log.info({ size: event.head.size, block: event.block.number, ...('tx' in event && { tx: event.tx }) }, 'anchored for good');
      default:
        return log.debug({ ...event, head: event.head.size }, `anchor ${event.type}`);
    }
  }

  #problem(error: AtsError | null): void {
    this.readiness.set('anchor', error && error.message);
    this.metrics.anchorProblem(error && error.code);
  }

  #signer(signal: AbortSignal): TransactionSigner | undefined {
    const { anchorKeyFile: file, anchorSignerUrl: url, anchorSignerAddress: address } = this.config;
    if (file !== undefined && url !== undefined) throw new AtsError('ATS_CONFIG_INVALID', 'both ATTESTREAM_ANCHOR_KEY_FILE and ATTESTREAM_ANCHOR_SIGNER_URL are set, expected one of them');
    if (url !== undefined && address === undefined) throw new AtsError('ATS_CONFIG_INVALID', 'ATTESTREAM_ANCHOR_SIGNER_ADDRESS is missing, expected the address of the account that the signer signs for');
    if (file !== undefined) return keyFileSigner(file);
    return url === undefined ? undefined : externalSigner({ url, address: address!, signal });
  }
}

/** The store has published it itself, after it had been compared and signed here. */
function publishedHead({ checkpoint }: LogStore): TreeHead | undefined {
  if (!checkpoint) return undefined;
  const { size, root } = parseCheckpoint(parseNote(checkpoint).text);
  return { size, root };
}
