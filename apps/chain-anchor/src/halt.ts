import { isAtsError, type AtsCode } from '#libs/errors';
import type { Log, Readiness } from '#libs/service';
import type { AnchorMetrics } from './metrics.js';

/** Of the topic and what stands before it: the log is compared again from time to time, and signing goes on once both agree. Any other error ends the app. */
export const PASSING_OF_TOPIC: readonly AtsCode[] = [
  'ATS_BROKER_UNREACHABLE', 'ATS_REGISTRY_UNREACHABLE', 'ATS_LOG_UNREADABLE', 'ATS_TOPIC_MISSING', 'ATS_TILE_MISSING', 'ATS_TILE_CORRUPT',
  'ATS_LOG_CLUSTER_FOREIGN', 'ATS_LOG_DAMAGED', 'ATS_LOG_DISK_FULL', 'ATS_LOG_DIVERGED', 'ATS_LOG_GAP', 'ATS_LOG_RECORD_FOREIGN',
];

/** Of a store that was found: somebody may put it right while we look on. One that is missing or in use ends the app. */
export const PASSING_OF_STORE: readonly AtsCode[] = [
  'ATS_LOG_DAMAGED', 'ATS_LOG_FORKED', 'ATS_LOG_DISK_FULL', 'ATS_TILE_MISSING', 'ATS_TILE_CORRUPT',
  'ATS_CHECKPOINT_FOREIGN', 'ATS_CHECKPOINT_MALFORMED', 'ATS_NOTE_MALFORMED', 'ATS_NOTE_UNVERIFIED',
];

/** The reason why nothing may be signed, told once for as long as it stays the same. */
export class Halt {
  #code: AtsCode | undefined;

  constructor(private readonly log: Log, private readonly readiness: Readiness, private readonly metrics: Pick<AnchorMetrics, 'halted'>) {}

  /** @throws the error itself when it is none of these, which may pass */
  begin(error: unknown, passing: readonly AtsCode[]): void {
    if (!isAtsError(error) || !passing.includes(error.code)) throw error;
    this.readiness.set('log', error.message);
    if (this.#code === error.code) return;
    this.#code = error.code;
    this.metrics.halted(error.code);
    this.log.error({ code: error.code }, `nothing is signed: ${error.message}`);
  }

  /** What the log waits for before anything may be signed; a reason that was told stays the one to read. */
  waiting(what: string): void {
    if (this.#code === undefined) this.readiness.set('log', what);
  }

  end(): void {
    this.readiness.set('log', null);
    if (this.#code === undefined) return;
    this.#code = undefined;
    this.metrics.halted(null);
    this.log.info('the log agrees with audit-log: signing goes on');
  }
}
