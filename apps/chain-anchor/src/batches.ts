import { setImmediate as eventLoopTurn } from 'node:timers/promises';

/** What has come of a source by now, up to `max` at a time and in order: one write to the disk then serves many records. Ends as the source does; its error comes after what was read before it. */
export async function* batches<T>(source: AsyncIterable<T>, max: number): AsyncGenerator<T[], void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  let coming: Promise<IteratorResult<T>> | undefined;
  const next = (): Promise<IteratorResult<T>> => {
    coming = iterator.next();
    coming.catch(() => undefined); // told when it is awaited
    return coming;
  };
  try {
    for (let first = await next(); !first.done; first = await coming!) {
      const batch = [first.value];
      void next();
      while (batch.length < max) {
        const ready = await Promise.race([coming!.catch(() => undefined), eventLoopTurn(undefined)]);
        if (!ready || ready.done) break;
        batch.push(ready.value);
        void next();
      }
      yield batch;
    }
  } finally {
    await iterator.return?.();
  }
}
