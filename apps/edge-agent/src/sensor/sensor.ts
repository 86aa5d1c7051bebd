import { MAX_READING, type SignedWindow } from '#libs/edge';
import { isAtsError } from '#libs/errors';
import type { Probe } from './probe.js';
import type { ToAgent, ToSensor } from './protocol.js';
import { Sampler } from './sampler.js';
import type { SigningJournal } from './signing-journal.js';

/** What a sensor needs of the world. */
export interface SensorEffects {
  now(): number;
  send(message: ToAgent): void;
  /** One line for a person. */
  say(text: string): void;
  /** Ends the process: its journal can take nothing more. */
  fail(error: unknown): void;
}

/** The sensor's one loop: read on the grid, sign what is complete, offer the oldest window that the agent has not taken. */
export class Sensor {
  readonly #sampler: Sampler;
  readonly #silent = new Set<string>();
  #wanted: string[] = [];
  #offered: SignedWindow | undefined;
  #signing = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly journal: SigningJournal,
    private readonly probes: ReadonlyMap<string, Probe>,
    epochSeconds: number,
    private readonly effects: SensorEffects,
  ) {
    this.#sampler = new Sampler(epochSeconds);
  }

  start(): void {
    this.#tick();
    this.#offer();
  }

  async receive(message: ToSensor): Promise<void> {
    if (message.type === 'want') {
      this.#wanted = message.streams.filter((stream) => this.probes.has(stream));
      return;
    }
    await this.journal.taken(message.stream, message.epoch);
    if (this.#offered?.stream === message.stream && this.#offered.epoch === message.epoch) this.#offered = undefined;
    this.#offer();
  }

  /** Ends sampling; a window that is being signed is signed first. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#signing;
  }

  #tick(): void {
    const now = this.effects.now();
    const { cutShort } = this.#sampler;
    const windows = this.#sampler.tick(now, this.#wanted, (stream) => this.#read(stream));
    if (this.#sampler.cutShort > cutShort) this.effects.say('the windows of an epoch are left out: a reading came too late, or the clock was set');
    for (const window of windows) this.#signing = this.#signing.then(() => this.#sign(window));
    this.#timer = setTimeout(() => this.#tick(), this.#sampler.untilNext(this.effects.now()));
  }

  async #sign(window: Parameters<SigningJournal['sign']>[0]): Promise<void> {
    try {
      await this.journal.sign(window);
      this.#offer();
    } catch (error) {
      // the clock was set back over a signed epoch, or the disk is full: this window is lost, the next ones need not be
      this.effects.say(isAtsError(error) ? error.message : `window of ${window.stream} not signed: ${String(error)}`);
      if (this.journal.failed) this.effects.fail(error);
    }
  }

  #offer(): void {
    if (this.#offered) return;
    this.#offered = this.journal.oldestUntaken();
    if (this.#offered) this.effects.send({ type: 'window', window: this.#offered });
  }

  /** One reading, clamped to 32 bits; undefined while the source is gone, which is said once. */
  #read(stream: string): number | undefined {
    try {
      const value = this.probes.get(stream)!.read();
      if (!Number.isFinite(value)) throw new Error(`it read ${value}`);
      this.#silent.delete(stream);
      return Math.min(MAX_READING, Math.max(0, Math.round(value)));
    } catch (error) {
      if (!this.#silent.has(stream)) this.effects.say(`stream ${stream} has no reading: ${(error as Error).message}; its window is left out`);
      this.#silent.add(stream);
      return undefined;
    }
  }
}
