import { isAtsError } from '#libs/errors';
import { unlessAborted } from '#libs/service';

/**
 * Repeats an action until a broker answers. Says nothing: the Kafka client's watch tells of the outage, once. The action waits by itself, for as long as
 * its patience is.
 * @throws the action's other errors; the signal's reason when it is aborted
 */
export async function outlastBroker<T>(action: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await unlessAborted(action(), signal);
    } catch (error) {
      if (!isAtsError(error, 'ATS_BROKER_UNREACHABLE')) throw error;
    }
  }
}
