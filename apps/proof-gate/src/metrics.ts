import { Inject, Injectable } from '@nestjs/common';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

const SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60];

/** What the gate counts. Verdicts are counted when they are committed, each once. */
@Injectable()
export class GateMetrics {
  readonly verdicts: Counter<'topic' | 'verdict'>;
  readonly late: Counter<'topic'>;
  readonly batchRecords: Histogram<'topic'>;
  readonly verifier: Gauge<'name'>;
  readonly verifySeconds: Histogram<'standing'>;
  readonly verifyProofs: Histogram<'standing'>;
  readonly examineSeconds: Histogram;
  readonly commitSeconds: Histogram<'topic'>;
  readonly waiting: Gauge<'stage'>;
  readonly proofs: Counter<'holds'>;
  readonly chainWaitSeconds: Histogram;
  readonly resets: Counter<'topic'>;
  readonly rebuildSeconds: Histogram<'topic'>;
  readonly chainHead: Gauge;
  readonly hangingTransactions: Gauge<'topic' | 'partition'>;
  readonly stableOffsetLag: Gauge<'topic' | 'partition'>;

  #waitingNow: () => Readonly<Record<string, number>> = () => ({});

  constructor(@Inject(Registry) registry: Registry) {
    const registers = [registry];
    this.verdicts = new Counter({ name: 'attestream_gate_verdicts_total', help: 'Committed verdicts.', labelNames: ['topic', 'verdict'], registers });
    this.late = new Counter({ name: 'attestream_gate_late_total', help: 'Verified events that nothing acts on any more.', labelNames: ['topic'], registers });
    this.batchRecords = new Histogram({ name: 'attestream_gate_batch_records', help: 'Records in one transaction.', labelNames: ['topic'], buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000], registers });
    this.verifier = new Gauge({ name: 'attestream_gate_verifier', help: 'Which implementation verifies proofs: 1 at its name.', labelNames: ['name'], registers });
    this.verifySeconds = new Histogram({ name: 'attestream_gate_verify_seconds', help: 'Time to verify one batch of proofs.', labelNames: ['standing'], buckets: SECONDS, registers });
    this.verifyProofs = new Histogram({ name: 'attestream_gate_verify_proofs', help: 'Proofs verified in one batch: of authors whose last proof held, or of others.', labelNames: ['standing'], buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256], registers });
    this.examineSeconds = new Histogram({ name: 'attestream_gate_examine_seconds', help: 'Time to examine up to 64 records, waits for the chain included, proofs not.', buckets: SECONDS, registers });
    this.commitSeconds = new Histogram({ name: 'attestream_gate_commit_seconds', help: 'Time of one transaction.', labelNames: ['topic'], buckets: SECONDS, registers });
    this.waiting = new Gauge({ name: 'attestream_gate_waiting_records', help: 'Records that were fetched and not begun (queued), begun and not committed (ahead), or wait for a verifier (proofs).', labelNames: ['stage'], registers, collect: () => { for (const [stage, count] of Object.entries(this.#waitingNow())) this.waiting.set({ stage }, count); } });
    this.proofs = new Counter({ name: 'attestream_gate_proofs_total', help: 'Proofs verified.', labelNames: ['holds'], registers });
    this.chainWaitSeconds = new Histogram({ name: 'attestream_gate_chain_wait_seconds', help: 'Time that a record waited for chain-events to pass its registry block; only records that had to wait count.', buckets: SECONDS, registers });
    this.resets = new Counter({ name: 'attestream_gate_resets_total', help: 'Transactions given up; the partition begins again at its committed offset.', labelNames: ['topic'], registers });
    this.rebuildSeconds = new Histogram({ name: 'attestream_gate_rebuild_seconds', help: "Time to rebuild a partition's state from the verified topic.", labelNames: ['topic'], buckets: SECONDS, registers });
    this.chainHead = new Gauge({ name: 'attestream_gate_chain_head_block', help: 'Number of the newest block read from chain-events.', registers });
    this.hangingTransactions = new Gauge({ name: 'attestream_hanging_transactions', help: 'Partitions with a transaction that nobody will end (make repair): 1 at each.', labelNames: ['topic', 'partition'], registers });
    this.stableOffsetLag = new Gauge({ name: 'attestream_last_stable_offset_lag_seconds', help: 'How long the oldest open transaction of a partition has held back its readers, as far as it was watched.', labelNames: ['topic', 'partition'], registers });
  }

  /** Where queue lengths come from whenever somebody looks. */
  measureWaiting(measure: () => Readonly<Record<string, number>>): void {
    this.#waitingNow = measure;
  }
}
