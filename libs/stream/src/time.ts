/** A promise that did not settle in time. What it started may still happen later: callers drop what it worked on. */
export class LateError extends Error {
  override readonly name = 'LateError';
  constructor(what: string, milliseconds: number) {
    super(`${what}: no answer in ${milliseconds} ms`);
  }
}

/** The promise's result, or a {@link LateError} after so many milliseconds. */
export async function within<T>(milliseconds: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => { timer = setTimeout(() => reject(new LateError(what, milliseconds)), milliseconds); });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
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
