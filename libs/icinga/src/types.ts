/** Service states by exit code, as Icinga2 numbers them. PENDING is a service without any result yet. */
export const SERVICE_STATES = ['OK', 'WARNING', 'CRITICAL', 'UNKNOWN'] as const;
export type ServiceState = (typeof SERVICE_STATES)[number] | 'PENDING';

/** What `process-check-result` takes for a service. */
export interface CheckResult {
  /** 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. */
  readonly state: 0 | 1 | 2 | 3;
  /** First line: what an operator reads. */
  readonly output: string;
  /** `label=value[unit][;warn;crit;min;max]` each. */
  readonly performanceData: readonly string[];
  /**
   * Until when the state may stand, milliseconds since the Unix epoch: what then remains becomes the result's `ttl` at each attempt to
   * submit, and when Icinga2 hears nothing newer by then, the service's active check runs.
   */
  readonly freshUntil: number;
  /** Milliseconds since the Unix epoch; Icinga2's own clock at acceptance when left out. It ignores, with 200, an execution older than its last. */
  readonly executionStart?: number;
  readonly executionEnd?: number;
}

/** `unknown`: this user may submit to no such service. `expired`: `freshUntil` passed before Icinga2 took it. */
export type Submission = 'accepted' | 'unknown' | 'expired';

/** A telemetry service as Icinga2 shows it. */
export interface ServiceView {
  readonly host: string;
  readonly service: string;
  readonly state: ServiceState;
  readonly output: string;
  readonly performanceData: readonly string[];
  /** When the last result was executed, milliseconds since the Unix epoch; 0 when there is none. */
  readonly executionStart: number;
  /** True when the last result came from the active check: the stream is silent. */
  readonly active: boolean;
}

export interface HostView {
  readonly host: string;
  readonly state: 'UP' | 'DOWN';
}

/** Of the running program; a new `programStart` means a restart or a reload, and maybe lost results. */
export interface IcingaStatus {
  /** Milliseconds since the Unix epoch. */
  readonly programStart: number;
  readonly version: string;
}
