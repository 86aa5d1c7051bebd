import type { AtsError } from '#libs/errors';

export interface ReachabilityEvents {
  /** Called once at the start of an outage, however many calls it delays. */
  onOutage?(error: AtsError): void;
  /** Called once at its end. */
  onRecovery?(seconds: number): void;
}

/** Whether Icinga2 answers, as told by whoever asked it last. */
export class Reachability {
  private outageSince: number | undefined;

  constructor(private readonly events: ReachabilityEvents) {}

  failed(error: AtsError): void {
    if (this.outageSince !== undefined) return;
    this.outageSince = performance.now();
    this.events.onOutage?.(error);
  }

  answered(): void {
    if (this.outageSince === undefined) return;
    const seconds = (performance.now() - this.outageSince) / 1_000;
    this.outageSince = undefined;
    this.events.onRecovery?.(seconds);
  }
}
