import type { Latency } from './frame.js';

/** The sink's histogram of the time from the source record's broker timestamp to Icinga2's acceptance, seconds. */
const HISTOGRAM = 'attestream_sink_produce_to_icinga_seconds';

/** The quantiles that the sink has measured since it started; undefined when it does not answer or has submitted nothing. */
export async function sinkLatency(port: number): Promise<Latency | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(2_000) });
    const buckets = bucketsOf(await response.text());
    return buckets.length > 0 && buckets.at(-1)!.count > 0 ? { p50: quantile(buckets, 0.5), p99: quantile(buckets, 0.99) } : undefined;
  } catch {
    return undefined; // it is down, which the supervisor shows
  }
}

interface Bucket {
  /** Upper bound, milliseconds. */
  readonly upTo: number;
  /** How many were at or below it. */
  readonly count: number;
}

function bucketsOf(metrics: string): Bucket[] {
  return [...metrics.matchAll(new RegExp(String.raw`^${HISTOGRAM}_bucket\{[^}]*le="([^"]+)"[^}]*\} (\d+)$`, 'gm'))]
    .map(([, le, count]) => ({ upTo: le === '+Inf' ? Infinity : Number(le) * 1_000, count: Number(count) }));
}

/** Linear within the bucket that holds it, as Prometheus's histogram_quantile does; the last finite bound when it lies above that. */
function quantile(buckets: readonly Bucket[], q: number): number {
  const rank = q * buckets.at(-1)!.count;
  const i = buckets.findIndex(({ count }) => count >= rank);
  const lower = buckets[i - 1] ?? { upTo: 0, count: 0 };
  const { upTo, count } = buckets[i]!;
  if (upTo === Infinity) return lower.upTo;
  return lower.upTo + ((upTo - lower.upTo) * (rank - lower.count)) / Math.max(1, count - lower.count);
}
