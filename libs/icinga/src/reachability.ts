import type { AtsError } from '#libs/errors';

export interface ReachabilityEvents {
  /** Called once at the start of an outage, however many calls it delays. */
  onOutage?(error: AtsError): void;
  /** Called once at its end. */
  onRecovery?(seconds: number): void;
}

/** How to reach one node, for all ways of asking it. */
export interface NodeParameters {
  /** Root, such as https://127.0.0.1:17405. */
  readonly url: string;
  readonly ca: string;
  /** Value of the header `authorization`. */
  readonly authorization: string;
  readonly connections: number;
  readonly timeoutMs: number;
  readonly retrySeconds: number;
  readonly reachability: Reachability;
  readonly signal?: AbortSignal;
}

/** Pauses between attempts double from the one to the other. */
export const FIRST_RETRY_MS = 50;
export const LONGEST_RETRY_MS = 2_000;

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
