import type { Latency } from './frame.js';

/** What an app says of itself at /metrics, Prometheus text; undefined when it does not answer. */
export async function readMetrics(port: number): Promise<string | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(2_000) });
    return await response.text();
  } catch {
    return undefined; // it is down, which the supervisor shows
  }
}

/** The value of a gauge or counter without labels of its own; undefined when it is not there. */
export function sampleOf(metrics: string, name: string): number | undefined {
  const value = new RegExp(String.raw`^${name}(?:\{[^}]*\})? (\S+)$`, 'm').exec(metrics)?.[1];
  return value === undefined ? undefined : Number(value);
}

/** The quantiles of a histogram of seconds, in milliseconds; undefined when nothing has been observed. */
export function latencyOf(metrics: string, histogram: string): Latency | undefined {
  const buckets = [...metrics.matchAll(new RegExp(String.raw`^${histogram}_bucket\{[^}]*le="([^"]+)"[^}]*\} (\d+)$`, 'gm'))]
    .map(([, le, count]) => ({ upTo: le === '+Inf' ? Infinity : Number(le) * 1_000, count: Number(count) }));
  return buckets.length > 0 && buckets.at(-1)!.count > 0 ? { p50: quantile(buckets, 0.5), p99: quantile(buckets, 0.99) } : undefined;
}

interface Bucket {
  /** Upper bound, milliseconds. */
  readonly upTo: number;
  /** How many were at or below it. */
  readonly count: number;
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
