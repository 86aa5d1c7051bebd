import { setTimeout as delay } from 'node:timers/promises';
import { isAtsError } from '#libs/errors';
import type { IcingaConnection } from './icinga-connection.js';
import type { Log } from '#libs/service';
import type { SinkMetrics } from './metrics.js';
import type { ServiceStates } from './service-states.js';

/** A state that a crash took is missing for this long, and Icinga2's start, at most. */
const LOOK_MS = 1_000;

/**
 * Looks whether Icinga2 runs as another program than before. After a crash it comes back with what it knew minutes ago, after a reload without what it
 * accepted in its last instant: either way it is asked what exists, and given the newest state of every service again. So it is when partitions were taken over.
 */
export class RestartWatch {
  private programStart: number | undefined;
  private complete = false;

  constructor(
    private readonly icinga: Pick<IcingaConnection, 'client' | 'objects' | 'outage'>,
    private readonly states: Pick<ServiceStates, 'resubmit'>,
    private readonly metrics: Pick<SinkMetrics, 'restarts' | 'resubmitted' | 'services'>,
    private readonly log: Pick<Log, 'info'>,
  ) {}

  /** There are states that Icinga2 may lack: the next look gives it all of them. */
  invalidate(): void {
    this.complete = false;
  }

  /** Looks until told to stop. `onReady` is called when Icinga2 has been given everything for the first time. */
  async run(signal: AbortSignal, onReady: () => void): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.look(signal);
        this.icinga.outage.end();
        onReady();
      } catch (error) {
        if (signal.aborted) return;
        // Away, or it refuses: a person has to grant what is missing, so this goes on asking.
        if (!isAtsError(error)) throw error;
        this.icinga.outage.begin(error);
      }
      await delay(LOOK_MS, undefined, { signal }).catch(() => undefined); // only an abort ends the wait early
    }
  }

  /** One look. A failure half-way is made good by the next. */
  async look(signal: AbortSignal): Promise<void> {
    const { programStart, version } = await this.icinga.client.status();
    const restarted = this.programStart !== undefined && programStart !== this.programStart;
    if (restarted) this.metrics.restarts.inc();
    if (programStart !== this.programStart) this.complete = false;
    this.programStart = programStart;
    if (!this.complete) {
      this.complete = true;
      try {
        await this.icinga.objects.load();
        const resubmitted = await this.states.resubmit(signal);
        this.metrics.resubmitted.inc(resubmitted);
        this.log.info({ resubmitted, services: this.icinga.objects.size }, `Icinga2 ${version}${restarted ? ' was started again' : ''}: ${resubmitted} states resubmitted`);
      } catch (error) {
        this.complete = false;
        throw error;
      }
    }
    this.metrics.services.set(this.icinga.objects.size);
  }
}
