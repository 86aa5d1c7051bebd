import { WINDOW_READINGS } from '#libs/proofs';

/** A complete window: exactly sixteen readings of one stream, one from each sixteenth of its epoch. */
export interface Window { stream: string; epoch: number; readings: number[] }

/**
 * Collects readings on the epoch grid. An epoch has sixteen slots; a reading may be taken anywhere in its slot. A window that lacks one,
 * because the sensor started late, the machine stood still or the clock was set, is dropped: what was not read is not signed.
 */
export class Sampler {
  #slot: number | undefined;
  #collected = new Map<string, number[]>();
  #cutShort = 0;

  constructor(readonly epochSeconds: number) {}

  /**
   * Reads each stream once if a new slot has begun, and returns the windows of the epoch that ended before it.
   * @param read a reading, or undefined when there is none now.
   */
  tick(nowMs: number, streams: readonly string[], read: (stream: string) => number | undefined): Window[] {
    const slot = this.slotAt(nowMs);
    if (slot === this.#slot) return [];
    const follows = this.#slot !== undefined && slot === this.#slot + 1;
    const begins = slot % WINDOW_READINGS === 0;
    const ended = slot > (this.#slot ?? slot) ? this.#complete() : [];
    if (!follows && ended.length === 0 && this.#collected.size > 0) this.#cutShort++;
    if (begins) this.#collected = new Map(streams.map((stream) => [stream, []]));
    else if (!follows) this.#collected.clear();
    for (const [stream, readings] of this.#collected) {
      const reading = streams.includes(stream) ? read(stream) : undefined;
      if (reading === undefined) this.#collected.delete(stream);
      else readings.push(reading);
    }
    this.#slot = slot;
    return ended;
  }

  /** Epochs whose windows were dropped because a slot was missed. */
  get cutShort(): number { return this.#cutShort; }

  /** Milliseconds until the next slot begins. */
  untilNext(nowMs: number): number {
    return Math.max(1, Math.ceil((this.slotAt(nowMs) + 1) * this.#slotMs - nowMs));
  }

  private slotAt(nowMs: number): number { return Math.floor(nowMs / this.#slotMs); }

  get #slotMs(): number { return this.epochSeconds * 1000 / WINDOW_READINGS; }

  /** The windows of the slot before this one, when that was the last of its epoch. */
  #complete(): Window[] {
    const epoch = Math.floor(this.#slot! / WINDOW_READINGS);
    const windows = [...this.#collected].filter(([, readings]) => readings.length === WINDOW_READINGS).map(([stream, readings]) => ({ stream, epoch, readings }));
    if (windows.length > 0) this.#collected.clear();
    return windows;
  }
}
