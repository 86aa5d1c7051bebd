import { setTimeout as delay } from 'node:timers/promises';
import { batches } from './batches.js';

async function* from<T>(...items: (T | 'pause' | Error)[]): AsyncGenerator<T> {
  for (const item of items) {
    if (item instanceof Error) throw item;
    if (item === 'pause') await delay(20);
    else yield item as T;
  }
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of source) all.push(item);
  return all;
}

it('everything comes once and in order, what is there together in one batch of a bounded size', async () => {
  expect(await collect(batches(from(1, 2, 3, 4, 5, 'pause', 6, 7), 3))).toEqual([[1, 2, 3], [4, 5], [6, 7]]);
});

it('what was read before an error is given before it', async () => {
  const got: number[][] = [];
  await expect(async () => {
    for await (const batch of batches(from<number>(1, 2, new Error('broken'), 3), 10)) got.push(batch);
  }).rejects.toThrow('broken');
  expect(got).toEqual([[1, 2]]);
});

it('whoever stops taking closes the source', async () => {
  let closed = false;
  async function* source() {
    try {
      for (let i = 0; ; i++) yield i;
    } finally {
      closed = true;
    }
  }
  for await (const batch of batches(source(), 2)) if (batch[0]! >= 4) break;
  expect(closed).toBe(true);
});
