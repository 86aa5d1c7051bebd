import type { Consumer } from './kafkajs.js';

/** No answer to a heartbeat for this long, milliseconds: we may have been frozen, and thrown out of the group meanwhile. Half of the session's time. */
const DOUBTFUL_MS = 3000;

export interface Place { readonly topic: string; readonly partition: number }

/** Our membership of the group from one join to the next, as far as the work on partitions depends on it. */
export class Tenure {
  /** Aborted when the partitions may be others' by now, or the process is stopping: whoever waits stops waiting. */
  readonly signal: AbortSignal;
  readonly #over = new AbortController();
  #answered = Date.now();
  #beat: () => Promise<void> = () => Promise.reject(new Error('nothing was fetched yet'));

  constructor(private readonly consumer: Consumer, stop: AbortSignal) {
    this.signal = AbortSignal.any([stop, this.#over.signal]);
  }

  /** False once another member may have our partitions. What was begun while stopping may still be completed. */
  get holds(): boolean {
    return !this.#over.signal.aborted;
  }

  /** How heartbeats are sent now: kafkajs gives the means with each fetch. */
  beatBy(beat: () => Promise<void>): void {
    this.#beat = beat;
  }

  /** The coordinator has answered a heartbeat. */
  answered(): void {
    this.#answered = Date.now();
  }

  /**
   * Sends a heartbeat when one is due. Throws when the group answers that this member must join again, which kafkajs's own next heartbeat learns as well,
   * and when {@link isSilent}.
   */
  async heartbeat(): Promise<void> {
    if (this.holds) await this.#beat();
    if (!this.holds || this.isSilent) throw new Error('the partition may be another member\'s by now');
  }

  /**
   * No answer to a heartbeat for long. kafkajs has forgotten its member id when the coordinator did not know it; when joining fails then, it goes on fetching,
   * and its heartbeats do nothing and say nothing.
   */
  get isSilent(): boolean {
    return Date.now() - this.#answered > DOUBTFUL_MS;
  }

  end(): void {
    this.#over.abort();
  }

  /** The next fetch of the partition begins there. */
  seek(place: Place, offset: bigint): void {
    this.#ask(() => this.consumer.seek({ ...place, offset: offset.toString() }));
  }

  pause({ topic, partition }: Place): void {
    this.#ask(() => this.consumer.pause([{ topic, partitions: [partition] }]));
  }

  resume({ topic, partition }: Place): void {
    this.#ask(() => this.consumer.resume([{ topic, partitions: [partition] }]));
  }

  /** A consumer that has just stopped refuses; it joins again before it fetches, and everything begins anew then. */
  #ask(request: () => void): void {
    if (!this.holds) return;
    try {
      request();
    } catch {
      this.end();
    }
  }
}
