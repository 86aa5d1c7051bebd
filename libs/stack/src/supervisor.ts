import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Part, PartExit } from './part.js';
import { identityOf } from './process-identity.js';

export type SupervisorEvent =
  | { type: 'started'; name: string; pid: number; seconds: number; restart: boolean }
  | { type: 'ended'; name: string; exit: PartExit; retryInMs: number }
  | { type: 'start-failed'; name: string; error: unknown; retryInMs: number };

export interface PartStatus {
  readonly name: string;
  readonly state: 'starting' | 'up' | 'down' | 'stopped';
  readonly pid: number | undefined;
  readonly logFile: string | undefined;
  /** How often it was started again after it ended by itself. */
  readonly restarts: number;
  /** How long its first start took. */
  readonly startupSeconds: number | undefined;
}

type Start = (signal: AbortSignal) => Promise<Part>;

interface Slot {
  status: PartStatus;
  part: Part | undefined;
  loop: Promise<void>;
  abort: AbortController;
}

const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 15_000;
/** A part that was up this long before it ended starts over with the first backoff. */
const STABLE_MS = 30_000;

/**
 * Keeps parts running. The order of `run` calls is the order of dependence: `stop` ends them the other way round.
 * Each running child is on record in `runDir`, where the next supervisor finds it should this one be killed (see endOrphans).
 */
export class Supervisor {
  readonly #slots = new Map<string, Slot>();
  #stopping: Promise<void> | undefined;

  constructor(private readonly options: { runDir: string; onEvent?: (event: SupervisorEvent) => void }) {
    mkdirSync(options.runDir, { recursive: true });
  }

  /** Starts a part and, from then on, starts it again whenever it ends by itself. Rejects when the first start fails. */
  async run<P extends Part>(name: string, start: (signal: AbortSignal) => Promise<P>): Promise<P> {
    if (this.#stopping) throw new Error(`${name}: the supervisor is stopping`);
    if (this.#slots.has(name) && this.#slots.get(name)?.status.state !== 'stopped') throw new Error(`${name} runs already`);
    const slot: Slot = {
      status: { name, state: 'starting', pid: undefined, logFile: undefined, restarts: 0, startupSeconds: undefined },
      part: undefined,
      loop: Promise.resolve(),
      abort: new AbortController(),
    };
    this.#slots.delete(name);
    this.#slots.set(name, slot);
    const starting = this.#start(slot, start, false);
    // so that a stop waits for a part that is only being started
    slot.loop = starting.then(() => undefined, () => undefined);
    try {
      const part = await starting;
      slot.loop = this.#keep(slot, start, part);
      return part as P;
    } catch (error) {
      slot.status = { ...slot.status, state: 'stopped' };
      throw error;
    }
  }

  /** The part as it runs now: another process after a restart. */
  part(name: string): Part | undefined {
    return this.#slots.get(name)?.part;
  }

  status(): PartStatus[] {
    return [...this.#slots.values()].map(({ status }) => status);
  }

  /** Ends one part for good. */
  async stopPart(name: string): Promise<void> {
    const slot = this.#slots.get(name);
    if (!slot) return;
    slot.abort.abort();
    await slot.part?.stop();
    await slot.loop;
    slot.status = { ...slot.status, state: 'stopped', pid: undefined };
  }

  /** Ends everything, last started first. */
  stop(): Promise<void> {
    this.#stopping ??= (async () => {
      for (const name of [...this.#slots.keys()].toReversed()) await this.stopPart(name);
    })();
    return this.#stopping;
  }

  async #start(slot: Slot, start: Start, restart: boolean): Promise<Part> {
    const { name } = slot.status;
    const begin = performance.now();
    const part = await start(slot.abort.signal);
    const identity = identityOf(part.pid);
    if (identity) writeFileSync(this.#pidFile(name), `${identity.pid} ${identity.startTicks}\n`);
    const seconds = (performance.now() - begin) / 1_000;
    slot.part = part;
    slot.status = { ...slot.status, state: 'up', pid: part.pid, logFile: part.logFile, startupSeconds: slot.status.startupSeconds ?? seconds,
      restarts: slot.status.restarts + (restart ? 1 : 0) };
    this.options.onEvent?.({ type: 'started', name, pid: part.pid, seconds, restart });
    if (slot.abort.signal.aborted) await part.stop();
    return part;
  }

  async #keep(slot: Slot, start: Start, first: Part): Promise<void> {
    const { name } = slot.status;
    const { signal } = slot.abort;
    let backoffMs = FIRST_BACKOFF_MS;
    let part: Part | undefined = first;
    while (part) {
      const upSince = Date.now();
      const exit: PartExit = await part.exited;
      rmSync(this.#pidFile(name), { force: true });
      slot.part = undefined;
      slot.status = { ...slot.status, state: 'down', pid: undefined };
      if (signal.aborted) return;
      if (Date.now() - upSince > STABLE_MS) backoffMs = FIRST_BACKOFF_MS;
      this.options.onEvent?.({ type: 'ended', name, exit, retryInMs: backoffMs });
      part = undefined;
      while (!part && !signal.aborted) {
        await delay(backoffMs, undefined, { signal }).catch(() => undefined); // only an abort ends the wait early
        if (signal.aborted) return;
        backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS);
        try {
          part = await this.#start(slot, start, true);
        } catch (error) {
          if (signal.aborted) return;
          this.options.onEvent?.({ type: 'start-failed', name, error, retryInMs: backoffMs });
        }
      }
    }
  }

  #pidFile(name: string): string {
    return join(this.options.runDir, `${name}.pid`);
  }
}
