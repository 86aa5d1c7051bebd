import { AtsError } from '#libs/errors';
import type { EventOf } from '#libs/events';
import type { CheckResult } from '#libs/icinga';

/** What a verified event is to Icinga2. */
export interface ServiceCheckResult {
  /** The household: its pseudonym, 64 hexadecimal digits. */
  readonly host: string;
  /** The stream. */
  readonly service: string;
  /** Orders the results of a service: a later window is the newer state, whenever it arrives. */
  readonly epoch: number;
  /** Broker timestamp of the source record, milliseconds since the Unix epoch. */
  readonly producedAt: number;
  readonly result: CheckResult;
}

export interface CheckResultOptions {
  /** How long a state stands after its source record reached the broker. */
  readonly freshnessSeconds: number;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

const EXIT_STATUS = { OK: 0, WARNING: 1, CRITICAL: 2 } as const;

/** The stream ids of schemas/telemetry.avsc. None can break out of an object name, a URL or a line of output. */
const STREAM = /^[a-z0-9][a-z0-9._-]{0,30}$/;

/**
 * The rule: host = pseudonym, service = stream, state = the proven one. A `late` event gives null: nothing acts on it.
 *
 * The state stands for `freshnessSeconds` from the time the broker gave to the source record, not from its submission: neither a backlog nor a
 * resubmission makes an old state look fresh. A clock that runs ahead gains nothing.
 * @throws AtsError ATS_EVENT_MALFORMED when the event can be no service of Icinga2
 */
export function checkResultOf(event: EventOf<'telemetry.verified'>, { freshnessSeconds, now }: CheckResultOptions): ServiceCheckResult | null {
  const { pseudonym, stream, epoch, policyFamily, state, source, registryBlock, parameterVersion, windowEnd, late } = event;
  requireId('stream', stream);
  requireId('policyFamily', policyFamily);
  if (late) return null;
  const exitStatus = EXIT_STATUS[state];
  return {
    host: pseudonym.toString('hex'),
    service: stream,
    epoch,
    producedAt: source.timestamp,
    result: {
      state: exitStatus,
      output: `${state}: proven for epoch ${epoch}, policy ${policyFamily} of set ${parameterVersion}, registry block ${registryBlock.number}`,
      performanceData: [
        `state=${exitStatus};1;2;0;2`,
        `epoch=${epoch}`,
        `block=${registryBlock.number}`,
        `age=${Math.max(0, (now - windowEnd) / 1_000).toFixed(3)}s;;;0`,
      ],
      freshUntil: Math.min(source.timestamp, now) + freshnessSeconds * 1_000,
    },
  };
}

function requireId(name: string, id: string): void {
  if (!STREAM.test(id)) throw new AtsError('ATS_EVENT_MALFORMED', `${name} ${JSON.stringify(id.slice(0, 60))} is no id`);
}
