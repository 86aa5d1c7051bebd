import { setTimeout as delay } from 'node:timers/promises';
import { bothOrFirstError } from './both.js';
import { PASSING_OF_TOPIC, type Halt } from './halt.js';
import type { Publisher } from './publisher.js';
import type { Recorder } from './recorder.js';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

export interface KeepLogParameters {
  recorder: Recorder;
  publisher: Publisher;
  halt: Halt;
  /** Before each comparison. */
  prepare(): Promise<void>;
  signal: AbortSignal;
}

/**
 * Compares, then records and publishes, until the signal is aborted. Whatever goes wrong takes back the leave to sign and begins again with the
 * comparison, later each time.
 * @throws what Halt does not take for passing
 */
export async function keepLog({ recorder, publisher, halt, prepare, signal }: KeepLogParameters): Promise<void> {
  for (let pause = FIRST_PAUSE_MS; !signal.aborted; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    try {
      await prepare();
      await recorder.catchUp(signal);
      halt.end();
      pause = FIRST_PAUSE_MS;
      await bothOrFirstError(signal, (until) => recorder.follow(until), (until) => publisher.run(until));
    } catch (error) {
      if (!signal.aborted) halt.begin(error, PASSING_OF_TOPIC);
    } finally {
      recorder.forget();
    }
    await delay(pause, undefined, { signal }).catch(() => undefined); // only an abort ends the wait early
  }
}
