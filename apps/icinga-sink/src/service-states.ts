import type { ObjectRegistry } from '#libs/icinga';
import type { ServiceCheckResult } from './check-result.js';

/** `superseded`: a newer window of the service is there already. `expired`: the state was no longer fresh. */
export type Outcome = 'accepted' | 'superseded' | 'expired';

/**
 * The newest state of each service, and the order of what is submitted to it: one result at a time a service, services side by side (as many
 * as the client has connections). Remembered so that Icinga2, which loses its newest results in a crash, can be given them again.
 * Grows with the number of streams, not with time.
 */
export class ServiceStates {
  private readonly newest = new Map<string, ServiceCheckResult>();
  private readonly tails = new Map<string, Promise<void>>();

  constructor(private readonly objects: Pick<ObjectRegistry, 'submit'>) {}

  /** Submits a result unless a newer one is there. Resolves when Icinga2 has accepted it; throws what the client throws, and remembers nothing then. */
  offer(result: ServiceCheckResult, signal: AbortSignal): Promise<Outcome> {
    const key = keyOf(result);
    return this.inTurn<Outcome>(key, () => {
      if (this.supersedes(key, result)) return SUPERSEDED;
      return this.objects.submit(result.host, result.service, result.result, signal).then((outcome) => {
        // Of a partition that was lost meanwhile, another sink knows better.
        if (!signal.aborted) this.newest.set(key, result);
        return outcome;
      });
    });
  }

  /** Forgets everything: the partitions are to be taken over anew. */
  clear(): void {
    this.newest.clear();
  }

  /** Takes a result for accepted that an earlier owner of its partition submitted. */
  recall(result: ServiceCheckResult): void {
    const key = keyOf(result);
    if (!this.supersedes(key, result)) this.newest.set(key, result);
  }

  /** Submits the newest state of every service once more, as far as it is still fresh. Returns how many were. */
  async resubmit(signal: AbortSignal): Promise<number> {
    const outcomes = await Promise.all([...this.newest.keys()].map((key) => this.inTurn(key, async () => {
      const now = this.newest.get(key);
      return now === undefined ? 'superseded' : await this.objects.submit(now.host, now.service, now.result, signal);
    })));
    return outcomes.filter((outcome) => outcome === 'accepted').length;
  }

  private supersedes(key: string, { epoch }: ServiceCheckResult): boolean {
    return (this.newest.get(key)?.epoch ?? -1) >= epoch;
  }

  private inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.tails.get(key);
    const turn = before === undefined ? work() : before.then(work);
    // The one behind goes on whatever becomes of this one, which reports to its own caller.
    const forget = (): void => { if (this.tails.get(key) === tail) this.tails.delete(key); };
    const tail = turn.then(forget, forget);
    this.tails.set(key, tail);
    return turn;
  }
}

const SUPERSEDED = Promise.resolve('superseded' as const);

function keyOf({ host, service }: ServiceCheckResult): string {
  return `${host}!${service}`;
}
