/** A promise that did not settle in time. What it started may still happen later: callers drop what it worked on. */
export class LateError extends Error {
  override readonly name = 'LateError';
  constructor(what: string, milliseconds: number) {
    super(`${what}: no answer in ${milliseconds} ms`);
  }
}

/** Whoever stops waits no longer for an answer that is on its way: a broker that works gives it sooner. */
const HURRY_MS = 1000;

/** The promise's result, or a {@link LateError} after so many milliseconds, or a second after the abort of `hurry`. */
export async function within<T>(milliseconds: number, what: string, promise: Promise<T>, hurry?: AbortSignal): Promise<T> {
  const late = Promise.withResolvers<never>();
  const lateAfter = (time: number): NodeJS.Timeout => setTimeout(() => late.reject(new LateError(what, time)), time);
  const timers = [lateAfter(milliseconds)];
  const hurried = (): void => void timers.push(lateAfter(HURRY_MS));
  if (hurry?.aborted) hurried();
  else hurry?.addEventListener('abort', hurried, { once: true });
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    for (const timer of timers) clearTimeout(timer);
    hurry?.removeEventListener('abort', hurried);
  }
}

/** Resolves after so many milliseconds, or at once when the signal is aborted. */
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener('abort', done);
  });
}

/** Waiting times that double from `first` to `last` milliseconds, each shortened at random by up to a half, so that many who wait do not return together. */
export function backoff(attempt: number, first = 100, last = 5000): number {
  return Math.min(first * 2 ** Math.min(attempt, 20), last) * (0.5 + Math.random() / 2);
}
