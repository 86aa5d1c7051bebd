import { buildTelemetryEvent, telemetryLeaf, windowEnd, type Household } from '#libs/edge';
import { isAtsError, type AtsError } from '#libs/errors';
import { schemaFingerprint, type EventCodec } from '#libs/events';
import { leafHash, secretHash, type Prover, type SensorPublicKey } from '#libs/proofs';
import type { Outbox, OutboxItem } from '../durable/outbox.js';
import type { AgentMetrics, GivenUp } from './agent-metrics.js';
import type { Present } from './chain-view.js';
import type { Wakeup } from './wakeup.js';

/** What is waited for is looked at again after this, milliseconds: blocks come and time passes without a change of ours. */
const LOOK_AGAIN_MS = 1000;

/** A prover that failed is asked again after this, milliseconds. */
const FAILURE_PAUSE_MS = 5000;

export interface ProvingParts {
  household: Household;
  scope: bigint;
  policyFamily: string;
  codec: EventCodec;
  prover: Prover;
  outbox: Outbox;
  changed: Wakeup;
  metrics: AgentMetrics;
  /** What holds for the gate now, or what is missing. */
  present(): Present | { waitingFor: string };
  /** The sensor that the agent runs now. */
  sensorKey(): SensorPublicKey | undefined;
  now(): number;
  waitFor(name: 'chain' | 'leaf' | 'schema', what: string | null): void;
  /** The prover failed, or (null) made a proof. */
  outage(error: AtsError | null): void;
  say(line: string): void;
}

/**
 * Makes the outbox's windows into records, as many at a time as there are {@link run} loops. The newest window that can still be acted on comes
 * first: where proving is slower than windows come, a backlog in order would make every event late and no sink would act again.
 */
export class Proving {
  readonly #busy = new Set<number>();

  constructor(private readonly parts: ProvingParts) {}

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const present = this.present();
      const item = present && this.#next(present);
      if (!item) {
        await this.parts.changed.wait(signal, LOOK_AGAIN_MS);
        continue;
      }
      this.#busy.add(item.sequence);
      try {
        const pauseMs = await this.#work(item, present, signal);
        if (pauseMs > 0) await this.parts.changed.wait(signal, pauseMs);
      } finally {
        this.#busy.delete(item.sequence);
      }
    }
  }

  /** What holds now; says what is waited for when nothing can be proven. */
  present(): Present | undefined {
    const present = this.parts.present();
    const waiting = 'waitingFor' in present;
    this.parts.waitFor('chain', waiting ? present.waitingFor : null);
    return waiting ? undefined : present;
  }

  /** Whether the gate would take this record now: a revocation or a new parameter set since its proof makes it void. */
  holds({ proven }: OutboxItem, present: Present): boolean {
    return proven !== undefined && proven.parametersHash === present.parametersHash && present.takesRoot(proven.root);
  }

  /** The newest window that is not late yet; without one the oldest, which the log alone still wants. */
  #next(present: Present): OutboxItem | undefined {
    const open = this.parts.outbox.items().filter((item) => !this.#busy.has(item.sequence) && !this.holds(item, present));
    const actSeconds = telemetryStatement(present)?.actSeconds ?? 0;
    const timely = open.filter(({ window }) => this.parts.now() - windowEnd(window) <= actSeconds * 1000);
    return timely.reduce<OutboxItem | undefined>((best, item) => (best && windowEnd(best.window) >= windowEnd(item.window) ? best : item), undefined) ?? open[0];
  }

  /** Proves one window, or gives it up. Returns how long to pause because of what is missing, 0 for nothing. */
  async #work(item: OutboxItem, present: Present, signal: AbortSignal): Promise<number> {
    const { household, scope, policyFamily, codec, prover, outbox, changed, metrics } = this.parts;
    const { sequence, window } = item;
    const statement = telemetryStatement(present);
    const policy = present.parameters.policies.find(({ topic, family, stream }) => topic === 'telemetry' && family === policyFamily && stream === window.stream);
    if (!statement || !policy) return this.#giveUp(item, 'no-policy', `the parameter set has no policy for ${policyFamily}, ${window.stream}`);
    if (statement.epochSeconds !== window.epochSeconds) return this.#giveUp(item, 'other-epochs', `its epoch has ${window.epochSeconds} s, the parameter set's ${statement.epochSeconds} s`);
    if (this.parts.now() - windowEnd(window) > statement.acceptSeconds * 1000) return this.#giveUp(item, 'expired', `it is older than ${statement.acceptSeconds} s`);
    if (!this.#schemaHolds(present)) return LOOK_AGAIN_MS;

    const membership = present.membership(leafHash(telemetryLeaf({ publicKey: window.publicKey, secretHash: secretHash(household.secret) }, policyFamily)));
    if (!membership) {
      if (this.parts.sensorKey()?.Ax !== window.publicKey.Ax) return this.#giveUp(item, 'other-sensor', 'another sensor signed it, whose leaf is not registered');
      this.parts.waitFor('leaf', `the sensor's leaf in family ${policyFamily}: it is not registered at block ${present.block}, or is revoked`);
      return LOOK_AGAIN_MS;
    }
    this.parts.waitFor('leaf', null);
    const startedAt = performance.now();
    try {
      const { record } = await buildTelemetryEvent({ secret: household.secret, scope, window, membership, policy, sealingPublicKey: household.sealingPublicKey, codec, prover });
      await outbox.proven(sequence, { record, root: membership.root, parametersHash: present.parametersHash });
      metrics.proof((performance.now() - startedAt) / 1000);
      this.parts.outage(null);
      changed.notify();
      return 0;
    } catch (error) {
      if (signal.aborted) return 0;   // the prover is being closed; the window waits in the outbox
      if (isAtsError(error, 'ATS_STATEMENT_UNSATISFIED')) return this.#giveUp(item, 'unsatisfied', error.message);
      if (!isAtsError(error)) throw error;
      this.parts.outage(error);
      return FAILURE_PAUSE_MS;
    }
  }

  /** The schema that we would write has to be listed: the gate refuses any other. */
  #schemaHolds(present: Present): boolean {
    const id = this.parts.codec.idOf('telemetry');
    const fingerprint = schemaFingerprint('telemetry');
    const listed = present.parameters.schemas.some((row) => row.topic === 'telemetry' && row.id === id && row.fingerprint === fingerprint);
    this.parts.waitFor('schema', listed ? null : `a parameter set that lists schema ${id} (${fingerprint}) of telemetry`);
    return listed;
  }

  async #giveUp({ sequence, window: { stream, epoch } }: OutboxItem, reason: GivenUp, why: string): Promise<number> {
    await this.parts.outbox.done([sequence]);
    this.parts.metrics.givenUp(reason);
    this.parts.say(`window ${epoch} of ${stream} is given up: ${why}`);
    this.parts.changed.notify();
    return 0;
  }
}

function telemetryStatement({ parameters }: Present): Present['parameters']['statements'][number] | undefined {
  return parameters.statements.find(({ topic }) => topic === 'telemetry');
}
