/** Does several things at once until the signal is aborted. The first failure ends the others, and is thrown once they have ended. */
export async function bothOrFirstError(signal: AbortSignal, ...work: ((signal: AbortSignal) => Promise<void>)[]): Promise<void> {
  const end = new AbortController();
  const until = AbortSignal.any([signal, end.signal]);
  let first: { error: unknown } | undefined;
  await Promise.all(work.map((start) => start(until).catch((error: unknown) => {
    first ??= { error };
    end.abort();
  })));
  if (first) throw first.error;
}
