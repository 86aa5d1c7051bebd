import { Inject, Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Each a seventh above the one before, 50 ms to 8 min: a quantile read from them is off by a few percent at most, and sinks can be added up. */
const LATENCY_SECONDS = Array.from({ length: 70 }, (_, i) => Number((0.05 * 1.14 ** i).toPrecision(3)));

/** What the sink counts. Results are counted when Icinga2 has accepted them. */
@Injectable()
export class SinkMetrics {
  readonly results: Counter<'state'>;
  readonly skipped: Counter<'reason'>;
  readonly deadLetters: Counter<'reason'>;
  readonly resubmitted: Counter;
  readonly restarts: Counter;
  readonly outages: Counter;
  readonly services: Gauge;
  readonly latency: Histogram;

  constructor(@Inject(Registry) registry: Registry) {
    const registers = [registry];
    this.results = new Counter({ name: 'attestream_sink_results_total', help: 'Check results that Icinga2 accepted, resubmissions not counted.', labelNames: ['state'], registers });
    this.skipped = new Counter({
      name: 'attestream_sink_skipped_total', labelNames: ['reason'], registers,
      help: 'Verified events that were not submitted: late (the gate says so), expired (no longer fresh here), superseded (a newer window came first, or a redelivery).',
    });
    this.deadLetters = new Counter({ name: 'attestream_sink_dead_letters_total', help: 'Records that are no verified event.', labelNames: ['reason'], registers });
    this.resubmitted = new Counter({ name: 'attestream_sink_resubmitted_total', help: 'States given to Icinga2 again after it or this sink was started again.', registers });
    this.restarts = new Counter({ name: 'attestream_sink_icinga_restarts_total', help: 'Restarts and reloads of Icinga2 that were seen.', registers });
    this.outages = new Counter({ name: 'attestream_sink_icinga_outages_total', help: 'Times that Icinga2 stopped answering.', registers });
    this.services = new Gauge({ name: 'attestream_sink_services', help: 'Services known to exist in Icinga2.', registers });
    this.latency = new Histogram({
      name: 'attestream_sink_produce_to_icinga_seconds', buckets: LATENCY_SECONDS, registers,
      help: "From the source record's broker timestamp to Icinga2's acceptance.",
    });
  }
}
