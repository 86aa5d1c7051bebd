/** Runs actions one after the other, in the order they came. */
export class Serial {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#last.then(action);
    this.#last = result.catch(() => {}); // the caller has it; the next action is not its victim
    return result;
  }
}

/** Runs `action` for each item, at most `width` at a time. All have ended when it settles; rejects with the first failure. */
export async function each<T>(items: readonly T[], width: number, action: (item: T) => Promise<void>): Promise<void> {
  const failures: unknown[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length && failures.length === 0) {
      try {
        await action(items[next++]!);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  if (failures.length > 0) throw failures[0];
}
