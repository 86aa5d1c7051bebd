import { Inject, Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

const DISK_SECONDS = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60];
/** A local chain takes seconds to be final, Ethereum a quarter of an hour. */
const ANCHOR_SECONDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 25, 30, 40, 50, 60, 90, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 21_600, 86_400];

/** What the log and its anchor come to. */
@Injectable()
export class AnchorMetrics {
  readonly size: Gauge;
  readonly publishedSize: Gauge;
  readonly anchoredSize: Gauge;
  readonly finalizedSize: Gauge;
  readonly appendSeconds: Histogram;
  readonly publishSeconds: Histogram;
  readonly witnessFailures: Counter<'witness'>;
  readonly produceToAnchorSeconds: Histogram;
  readonly #halted: Gauge<'code'>;
  readonly #anchorProblem: Gauge<'code'>;
  #anchoredAt: number | undefined;

  constructor(@Inject(Registry) registry: Registry) {
    const registers = [registry];
    this.size = new Gauge({ name: 'attestream_log_size', help: 'Entries that the log holds durably.', registers });
    this.publishedSize = new Gauge({ name: 'attestream_log_published_size', help: 'Size of the published checkpoint.', registers });
    this.anchoredSize = new Gauge({ name: 'attestream_log_anchored_size', help: 'Size of the newest mined anchor.', registers });
    this.finalizedSize = new Gauge({ name: 'attestream_log_finalized_size', help: 'Size of the newest anchor in a finalized block.', registers });
    this.appendSeconds = new Histogram({ name: 'attestream_log_append_seconds', help: 'Time to make one batch of entries durable.', buckets: DISK_SECONDS, registers });
    this.publishSeconds = new Histogram({ name: 'attestream_log_publish_seconds', help: 'Time to sign, cosign and publish one checkpoint.', buckets: DISK_SECONDS, registers });
    this.witnessFailures = new Counter({ name: 'attestream_witness_failures_total', help: 'Checkpoints that a witness was asked to cosign and did not.', labelNames: ['witness'], registers });
    this.produceToAnchorSeconds = new Histogram({
      name: 'attestream_produce_to_anchor_seconds', help: "From the broker time of a source record to the finalized anchor of its entry; of entries that came while this process ran.",
      buckets: ANCHOR_SECONDS, registers,
    });
    this.#halted = new Gauge({ name: 'attestream_log_halted', help: '1 while nothing may be signed, by the code that says why.', labelNames: ['code'], registers });
    this.#anchorProblem = new Gauge({ name: 'attestream_anchor_problem', help: '1 while anchoring waits, by the code that says why.', labelNames: ['code'], registers });
    const at = (): number | undefined => this.#anchoredAt;
    new Gauge({
      name: 'attestream_log_seconds_since_anchor', help: 'Since the newest finalized anchor was seen; NaN before the first.', registers,
      collect() {
        this.set(at() === undefined ? Number.NaN : (performance.now() - at()!) / 1_000);
      },
    });
  }

  halted(code: string | null): void {
    only(this.#halted, code);
  }

  anchorProblem(code: string | null): void {
    only(this.#anchorProblem, code);
  }

  anchored(): void {
    this.#anchoredAt = performance.now();
  }
}

function only(gauge: Gauge<'code'>, code: string | null): void {
  gauge.reset();
  if (code !== null) gauge.set({ code }, 1);
}
