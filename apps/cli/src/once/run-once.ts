import { AtsError, isAtsError } from '#libs/errors';
import type { Layout } from '../layout.js';
import { oneLine } from '../one-line.js';
import { run } from '../run.js';
import type { Say } from '../say.js';
import { Once } from './once.js';

/** Two epochs, so that ONCE need not wait long for the silence of a stopped agent. */
const ONCE_FRESHNESS_SECONDS = 60;

export interface RunOnceParameters {
  layout: Layout;
  logLevel: string;
  seed: number | undefined;
  /** Goes on when the job is done, and tells the parent process that it is. */
  keep: boolean;
  say: Say;
  /** Aborted by the first Ctrl-C. */
  signal: AbortSignal;
}

/**
 * Runs everything for one main job. However it ends, its report is there and says so, but for a data folder that another instance uses.
 * @throws AtsError ATS_STAGE_MISSING naming what did not come, also when it was stopped before that; what {@link run} throws
 */
export async function runOnce({ layout, logLevel, seed, keep, say, signal }: RunOnceParameters): Promise<void> {
  const once = new Once({ layout, say, signal, seed });
  let failure: unknown;
  try {
    await run({ layout, logLevel, freshnessSeconds: ONCE_FRESHNESS_SECONDS, say, signal }, async (stack, observer) => {
      await once.run(stack, observer).catch((error: unknown) => (failure = error));
      if (!keep || signal.aborted) return 'stop';
      await once.goOn(stack);
      say(`everything goes on in the background; see ${layout.endpointsFile}; make stop ends it`);
      process.send?.({ done: failure === undefined && once.failedChecks().length === 0 ? 0 : 1, error: failure && oneLine(failure) });
      return 'go on';
    });
    // A run that is stopped ends without an error.
    if (!once.reported) throw new AtsError('ATS_STAGE_MISSING', 'it was stopped before its end');
  } catch (error) {
    // Another instance's report is not ours to write over.
    if (!isAtsError(error, 'ATS_ALREADY_RUNNING')) once.failed(error);
    throw error;
  }
  if (failure !== undefined) throw failure;
  const failed = once.failedChecks();
  if (failed.length > 0) throw new AtsError('ATS_STAGE_MISSING', failed.join(', '), { todo: `Read ${layout.reportFile}.` });
}
