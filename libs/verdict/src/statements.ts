import { fieldFromBytes, fieldFromText, HEALTH_STATE_SYMBOLS, type EventOf } from '#libs/events';
import { telemetryPublicSignals } from '#libs/proofs';
import type { ParameterSet, Policy, StatementTopic } from './parameter-set.js';

/** An event that claims a statement: what the checks read is the same in all of them. */
export type Claim = EventOf<StatementTopic>;

/** What the gate itself puts into a proof's public signals: never read from the message. */
export interface SignalContext<P> {
  readonly policy: P;
  /** H(SCOPE, chain id, device registry, operator). */
  readonly scope: bigint;
  readonly messageHash: bigint;
}

/** One circuit that a topic's events can be proven with. */
export interface Statement<T extends StatementTopic = StatementTopic, P = Policy> {
  readonly topic: T;
  /** The leaf's kind, as the circuit fixes it. */
  readonly kind: number;
  readonly verifiedTopic: `${T}.verified`;
  /** The policy that this event has to be proven under. */
  policyOf(set: ParameterSet, event: EventOf<T>): P | undefined;
  /** Rebuilds the public signals in the circuit's order. */
  publicSignals(event: EventOf<T>, context: SignalContext<P>): bigint[];
  /** What the verified event says beyond the fields that all share. */
  outcome(event: EventOf<T>): Omit<EventOf<`${T}.verified`>, keyof SharedByVerified>;
}

/** Fields that every verified event has. */
export type SharedByVerified = Omit<EventOf<'telemetry.verified'>, 'state'>;

const telemetry16: Statement<'telemetry'> = {
  topic: 'telemetry',
  kind: 1,
  verifiedTopic: 'telemetry.verified',
  policyOf: (set, { policyFamily, stream }) =>
    set.policies.find((policy) => policy.topic === 'telemetry' && policy.family === policyFamily && policy.stream === stream),
  publicSignals: (event, { policy: { warnLo, warnHi, critLo, critHi, kWarn, kCrit }, scope, messageHash }) => telemetryPublicSignals({
    root: fieldFromBytes(event.root),
    pseudonym: fieldFromBytes(event.pseudonym),
    nullifier: fieldFromBytes(event.nullifier),
    commitment: fieldFromBytes(event.commitment),
    state: HEALTH_STATE_SYMBOLS.indexOf(event.state),
    scope,
    stream: fieldFromText(event.stream),
    epoch: event.epoch,
    policyFamily: fieldFromText(event.policyFamily),
    warnLo, warnHi, critLo, critHi, kWarn, kCrit,
    messageHash,
  }),
  outcome: ({ state }) => ({ state }),
};

/**
 * The statements that this software can judge, by circuit id. The next one (intents) is a row here, its circuit, and its schema. A parameter set
 * may name others: whoever judges must then stop instead of refusing what it does not understand.
 */
export const STATEMENTS = { telemetry16 } as const;

export type CircuitId = keyof typeof STATEMENTS;

/** The row of a circuit, when this software has it for that topic. */
export function statementOf(topic: StatementTopic, circuit: string): Statement | undefined {
  const row: Statement | undefined = Object.hasOwn(STATEMENTS, circuit) ? (STATEMENTS[circuit as CircuitId] as Statement) : undefined;
  return row?.topic === topic ? row : undefined;
}
