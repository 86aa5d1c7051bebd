import { endOrphans, lockDataFolder, Supervisor } from '#libs/stack';
import { requireFreePorts } from './free-ports.js';
import { portUses, type Layout } from './layout.js';
import type { Say } from './say.js';
import { bringUp, type Stack } from './setup/bring-up.js';
import { describe, Messages } from './watch/messages.js';
import { Observer } from './watch/observer.js';
import { show } from './watch/screen.js';

export interface RunParameters {
  layout: Layout;
  logLevel: string;
  /** How long a state stands in Icinga2 without a newer one. */
  freshnessSeconds?: number | undefined;
  say: Say;
  /** Aborted by the first Ctrl-C. */
  signal: AbortSignal;
}

/**
 * Runs everything until the signal is aborted, then stops it in reverse order.
 * `job` is done while it runs, with the observer; the run ends with it unless it says to go on.
 * @throws AtsError ATS_ALREADY_RUNNING, ATS_PORT_IN_USE before anything is started; ATS_PART_FAILED
 */
export async function run({ layout, logLevel, freshnessSeconds, say, signal }: RunParameters, job?: (stack: Stack, observer: Observer) => Promise<'stop' | 'go on'>): Promise<void> {
  const lock = await lockDataFolder(layout.home);
  const messages = new Messages();
  // A job's lines must stay to be read: its table comes once, at its end.
  const table = process.stdout.isTTY && !job;
  const supervisor = new Supervisor({
    runDir: layout.runDir,
    onEvent: (event) => {
      messages.add(describe(event));
      if (!table || event.type !== 'started') say(describe(event));
    },
  });
  const observing = new AbortController();
  // At once, also while parts are only being started.
  signal.addEventListener('abort', () => void supervisor.stop(), { once: true });
  let observed: Promise<unknown> = Promise.resolve();
  try {
    for (const orphan of await endOrphans(layout.runDir)) say(`ended ${orphan}, which an earlier run had left behind`);
    await requireFreePorts(portUses(layout));
    signal.throwIfAborted(); // an abort from before the listener stops nothing
    const stack = await bringUp({ layout, supervisor, logLevel, freshnessSeconds, say, signal });
    const observer = new Observer(stack);
    const stopObserving = AbortSignal.any([signal, observing.signal]);
    observed = Promise.all([observer.run(stopObserving), show(() => observer.snapshot(messages.lines()), say, stopObserving, table)]);
    observed.catch(() => undefined); // looked at below, whatever happens first
    say(`everything is up; where to look: ${layout.endpointsFile}`);
    if (job && (await job(stack, observer)) === 'stop') return;
    await Promise.race([observed, aborted(signal)]);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    observing.abort();
    await observed.catch((error: unknown) => say(`the observer failed: ${String(error)}`));
    if (supervisor.status().length > 0) say('stopping');
    await supervisor.stop();
    await lock.release();
    if (supervisor.status().length > 0) say('stopped');
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
