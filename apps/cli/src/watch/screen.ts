import { setTimeout as delay } from 'node:timers/promises';
import type { Say } from '../say.js';
import { frame, summary, type Snapshot } from './frame.js';

const FRAME_MS = 1_000;
const LINE_EVERY_MS = 10_000;
const CLEAR_SCREEN = '\u001B[H\u001B[J';

/** Draws the table once a second until the signal is aborted; on no terminal, a line every ten seconds. */
export async function show(snapshot: () => Snapshot, say: Say, signal: AbortSignal): Promise<void> {
  const terminal = process.stdout.isTTY;
  while (!signal.aborted) {
    if (terminal) process.stdout.write(`${CLEAR_SCREEN}${frame(snapshot(), process.stdout.columns).join('\n')}\n`);
    else say(summary(snapshot()));
    await delay(terminal ? FRAME_MS : LINE_EVERY_MS, undefined, { signal }).catch(() => undefined); // only an abort ends the wait early
  }
}
