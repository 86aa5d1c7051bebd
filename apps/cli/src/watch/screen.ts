import { setTimeout as delay } from 'node:timers/promises';
import type { Say } from '../say.js';
import { frame, summary, type Snapshot } from './frame.js';

const FRAME_MS = 1_000;
const LINE_EVERY_MS = 10_000;
const CLEAR_SCREEN = '\u001B[H\u001B[J';

/** Draws the table over the screen once a second until the signal is aborted; where `table` is false, says a line every ten seconds. */
export async function show(snapshot: () => Snapshot, say: Say, signal: AbortSignal, table: boolean): Promise<void> {
  while (!signal.aborted) {
    if (table) process.stdout.write(`${CLEAR_SCREEN}${frame(snapshot(), process.stdout.columns).join('\n')}\n`);
    else say(summary(snapshot()));
    await delay(table ? FRAME_MS : LINE_EVERY_MS, undefined, { signal }).catch(() => undefined); // only an abort ends the wait early
  }
}
