import { isAtsError } from '#libs/errors';
import type { KafkaRecord } from '#libs/events';
import { decodeEntry, type AuditEntry } from './entry.js';

export interface InheritedState {
  readonly covers: number | null;
  readonly skipped: number;
  readonly surplusAt: number | null;
  readonly spared: number;
  readonly named: readonly (readonly [place: string, offset: number])[];
}

/**
 * What a log that succeeds another one leaves to it: the records of audit-log before its own first one, and the source records that those name. The
 * other's checkpoint says how many they may be: what is more was left to nobody.
 */
export class Inherited {
  /** Source records up to here may be the other log's, where it can't be told more exactly. */
  beginsMs = Infinity;
  #skipped = 0;
  #surplusAt: number | null = null;
  #spared = 0;
  readonly #named = new Map<string, number>();

  /** @param covers records of audit-log that the other log has; undefined when that is not known: then none is too many */
  constructor(private readonly covers: number | undefined, state?: InheritedState) {
    if (state === undefined) return;
    this.#skipped = state.skipped;
    this.#surplusAt = state.surplusAt;
    this.#spared = state.spared;
    for (const [place, offset] of state.named) this.#named.set(place, offset);
  }

  static from(state: InheritedState): Inherited {
    return new Inherited(state.covers ?? undefined, state);
  }

  /** A record of audit-log before this log's first. What is no entry is in no log, and a log may have been ended because of it. */
  skip({ value, offset }: KafkaRecord): void {
    const entry = entryOrNothing(value);
    if (entry === undefined) return;
    if (++this.#skipped > (this.covers ?? Infinity)) {
      this.#surplusAt ??= Number(offset);
      return;
    }
    const place = `${entry.topic}/${entry.partition}`;
    this.#named.set(place, Math.max(this.#named.get(place) ?? -1, entry.offset));
  }

  /** All that the other log covers was skipped. */
  get isCovered(): boolean { return this.covers !== undefined && this.#skipped >= this.covers; }

  /** Entries that neither log has: how many, and the offset in audit-log of the first. */
  get surplus(): { readonly count: number; readonly offset: number } | undefined {
    return this.#surplusAt === null ? undefined : { count: this.#skipped - this.covers!, offset: this.#surplusAt };
  }

  /**
   * Whether a source record before its partition's first entry here has its entry in the other log. Of a topic that has lost entries, as many records
   * as are lost may have theirs there without being named.
   */
  has(place: string, offset: number, timestampMs: number): boolean {
    if (offset <= (this.#named.get(place) ?? -1)) return true;
    if (timestampMs > this.beginsMs) return false;
    if (this.covers === undefined) return true;
    if (this.#skipped + this.#spared >= this.covers) return false;
    this.#spared++;
    return true;
  }

  state(): InheritedState {
    return { covers: this.covers ?? null, skipped: this.#skipped, surplusAt: this.#surplusAt, spared: this.#spared, named: [...this.#named] };
  }
}

function entryOrNothing(value: Buffer | null): AuditEntry | undefined {
  if (value === null) return undefined;
  try {
    return decodeEntry(value);
  } catch (error) {
    if (isAtsError(error, 'ATS_EVENT_MALFORMED')) return undefined;
    throw error;
  }
}
