import { setTimeout as delay } from 'node:timers/promises';
import { isAtsError } from '#libs/errors';
import type { Outage } from '#libs/service';

const PAUSE_MS = 1_000;

/** Repeats a write for as long as the disk has no room: the store is then as it was before. @throws the write's other errors; the signal's reason */
export async function whenThereIsRoom<T>(write: () => Promise<T>, outage: Outage, signal: AbortSignal): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    try {
      const result = await write();
      outage.end();
      return result;
    } catch (error) {
      if (!isAtsError(error, 'ATS_LOG_DISK_FULL')) throw error;
      outage.begin(error);
    }
    await delay(PAUSE_MS, undefined, { signal }).catch(() => undefined); // the next turn throws the abort
  }
}
