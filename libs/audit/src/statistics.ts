import type { AuditReport, DeviceState, TimelineBucket } from './audit-report.js';
import type { AuditEntry } from './entry.js';
import type { Candidate, Verdict } from '#libs/verdict';

/** A timeline of more buckets is made coarser. */
const MOST_BUCKETS = 240;
const FIRST_BUCKET_MS = 60_000;
const MOST_DEVICES = 10_000;

type Counts = [verified: number, refused: number, recorded: number];

export interface StatisticsState {
  entries: number;
  recomputed: number;
  proofsVerified: number;
  readonly verdicts: Map<string, Map<Verdict, number>>;
  bucketMs: number;
  readonly buckets: Map<number, Counts>;
  readonly devices: Map<string, DeviceState>;
}

/** What a report says of an honest log: counts, a timeline, the newest state of each device. Bounded, however long the log. */
export class Statistics {
  readonly #state: StatisticsState;

  constructor(state?: StatisticsState) {
    this.#state = state ?? { entries: 0, recomputed: 0, proofsVerified: 0, verdicts: new Map(), bucketMs: FIRST_BUCKET_MS, buckets: new Map(), devices: new Map() };
  }

  /** An entry of the range. */
  count({ topic, verdict, timestamp }: AuditEntry): void {
    const state = this.#state;
    state.entries++;
    let ofTopic = state.verdicts.get(topic);
    if (ofTopic === undefined) state.verdicts.set(topic, (ofTopic = new Map()));
    ofTopic.set(verdict, (ofTopic.get(verdict) ?? 0) + 1);
    const from = Math.floor(timestamp / state.bucketMs) * state.bucketMs;
    let bucket = state.buckets.get(from);
    if (bucket === undefined) {
      state.buckets.set(from, (bucket = [0, 0, 0]));
      if (state.buckets.size > MOST_BUCKETS) this.#coarsen();
    }
    bucket[verdict === 'VERIFIED' ? 0 : verdict === 'RECORDED' ? 2 : 1]++;
  }

  countRecomputed(proofsVerified: number, verdicts: number): void {
    this.#state.proofsVerified += proofsVerified;
    this.#state.recomputed += verdicts;
  }

  /** A verified event says what its device's state is. */
  device({ event, source, statement }: Candidate): void {
    const pseudonym = event.pseudonym.toString('hex');
    const key = `${pseudonym} ${event.stream}`;
    const known = this.#state.devices.get(key);
    if (known === undefined && this.#state.devices.size >= MOST_DEVICES) return;
    const newest = known === undefined || event.epoch >= known.epoch;
    const said = Object.values(statement.outcome(event))[0] as string | number;
    this.#state.devices.set(key, {
      ...(newest ? { pseudonym, stream: event.stream, topic: source.topic, state: String(said), epoch: event.epoch, brokerTimeMs: source.timestamp } : known),
      verified: (known?.verified ?? 0) + 1,
    });
  }

  report(): Pick<AuditReport, 'entries' | 'verdicts' | 'verdictsByTopic' | 'recomputed' | 'proofsVerified' | 'timeline' | 'devices'> {
    const { entries, recomputed, proofsVerified, bucketMs } = this.#state;
    const verdicts: Partial<Record<Verdict, number>> = {};
    for (const ofTopic of this.#state.verdicts.values()) for (const [verdict, n] of ofTopic) verdicts[verdict] = (verdicts[verdict] ?? 0) + n;
    const buckets: TimelineBucket[] = [...this.#state.buckets].toSorted(([a], [b]) => a - b)
      .map(([fromMs, [verified, refused, recorded]]) => ({ fromMs, verified, refused, recorded }));
    const devices = [...this.#state.devices].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, device]) => device);
    return {
      entries, verdicts, recomputed, proofsVerified, timeline: { bucketMs, buckets }, devices,
      verdictsByTopic: Object.fromEntries([...this.#state.verdicts].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([topic, counts]) => [topic, Object.fromEntries(counts)])),
    };
  }

  state(): StatisticsState { return this.#state; }

  #coarsen(): void {
    const state = this.#state;
    state.bucketMs *= 2;
    const finer = [...state.buckets];
    state.buckets.clear();
    for (const [from, counts] of finer) {
      const coarse = Math.floor(from / state.bucketMs) * state.bucketMs;
      const sum = state.buckets.get(coarse);
      if (sum === undefined) state.buckets.set(coarse, counts);
      else counts.forEach((n, i) => { sum[i]! += n; });
    }
    if (state.buckets.size > MOST_BUCKETS) this.#coarsen();
  }
}
