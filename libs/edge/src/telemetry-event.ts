import { randomBytes } from 'node:crypto';
import {
  cloudEventHeaders, fieldFromText, fieldToBytes, messageHash, newTraceparent, PROOF_BYTES, type EventCodec, type EventOf, type HealthState, type OutgoingRecord,
} from '#libs/events';
import { AtsError } from '#libs/errors';
import {
  commitmentOf, evaluateTelemetry, healthState, KIND, nullifierOf, pseudonymOf, STATE, telemetryPublicSignals,
  type MerklePath, type Prover, type TelemetryInput, type TelemetryPublics,
} from '#libs/proofs';
import { sealReadings } from './sealed-readings.js';
import { windowDigest, windowEnd, type SignedWindow } from './window.js';

/** Topic and circuit of a telemetry event, and its CloudEvents type. */
const TOPIC = 'telemetry';
const CIRCUIT = 'telemetry16';
const EVENT_TYPE = 'attestream.telemetry';

/** A policy of the parameter set in force: bounds of one family and stream, in the stream's unit. */
export interface StreamPolicy {
  family: string; stream: string;
  warnLo: number; warnHi: number; critLo: number; critHi: number; kWarn: number; kCrit: number;
}

export interface TelemetryEventParameters {
  /** The household's secret. */
  secret: bigint;
  /** deploymentScope of the deployment. */
  scope: bigint;
  window: SignedWindow;
  /** The leaf's path under a root that the gate will know: RegistryProjection.membership at the registry block of now. */
  membership: MerklePath & { root: bigint };
  policy: StreamPolicy;
  /** The household's public sealing key, 32 bytes. */
  sealingPublicKey: Uint8Array;
  codec: EventCodec;
  prover: Prover;
}

export interface TelemetryEvent {
  record: OutgoingRecord;
  event: EventOf<'telemetry'>;
  publics: TelemetryPublics;
}

/**
 * One telemetry event, proven: the window sealed to the household, the message encoded with a proof of zeros, its hash proven together with
 * the statement, the proof put in its place. Salt, sealing and proof are random: keep the record and send the same bytes again.
 * @throws AtsError ATS_STATEMENT_UNSATISFIED before any proving when the statement does not hold for these inputs; ATS_PROOF_FAILED, ATS_CIRCUIT_MISSING.
 */
export async function buildTelemetryEvent(parameters: TelemetryEventParameters): Promise<TelemetryEvent> {
  const { secret, scope, window, membership, policy, sealingPublicKey, codec, prover } = parameters;
  if (policy.stream !== window.stream) throw new AtsError('ATS_STATEMENT_UNSATISFIED', `policy: it is for ${policy.stream}, the window for ${window.stream}`);
  const salt = newSalt();
  const { stream, epoch, readings } = window;
  const field = { stream: fieldFromText(stream), epoch: BigInt(epoch) };
  const bounds = boundsOf(policy);
  const values = readings.map(BigInt);
  const pseudonym = fieldToBytes(pseudonymOf(secret, scope));
  const nullifier = fieldToBytes(nullifierOf({ secret, scope, kind: KIND.telemetry, ...field }));

  const event: EventOf<'telemetry'> = {
    pseudonym, stream, epoch,
    root: fieldToBytes(membership.root),
    nullifier,
    commitment: fieldToBytes(commitmentOf(windowDigest(window), salt)),
    policyFamily: policy.family,
    state: stateName(healthState(values, bounds)),
    circuit: CIRCUIT,
    sealed: await sealReadings({ publicKey: sealingPublicKey, pseudonym, stream, epoch, readings, salt }),
    proof: Buffer.alloc(PROOF_BYTES),
  };
  const unproven = codec.encode(TOPIC, event);
  const headers = cloudEventHeaders({
    id: nullifier.toString('hex'), source: `/households/${pseudonym.toString('hex')}`, type: EVENT_TYPE, subject: stream, time: windowEnd(window), traceparent: newTraceparent(),
  });

  const { siblings, pathIndices } = membership;
  const input: TelemetryInput = {
    scope, ...field, policyFamily: fieldFromText(policy.family), ...bounds, messageHash: messageHash(TOPIC, pseudonym, unproven, headers),
    ...window.publicKey, ...window.signature, secret, salt, siblings, pathIndices, readings: values,
  };
  const publics = evaluateTelemetry(input);
  if (publics.root !== membership.root) throw new AtsError('ATS_STATEMENT_UNSATISFIED', 'membership: the path does not lead to the root');
  const { proof, publicSignals } = await prover.prove(CIRCUIT, { ...input });
  const expected = telemetryPublicSignals(publics);
  if (!expected.every((signal, i) => signal === publicSignals[i])) throw new AtsError('ATS_PROOF_FAILED', 'the prover shows other public signals than the reference');
  return { record: { topic: TOPIC, key: pseudonym, value: withProof(unproven, proof), headers }, event: { ...event, proof }, publics };
}

/** The value with this proof in the place of its last 256 bytes. */
export function withProof(value: Buffer, proof: Buffer): Buffer {
  if (proof.length !== PROOF_BYTES || value.length < PROOF_BYTES) throw new RangeError(`a proof of ${proof.length} bytes into a value of ${value.length}`);
  return Buffer.concat([value.subarray(0, -PROOF_BYTES), proof]);
}

/** The last 256 bytes of a value. */
export function proofOf(value: Buffer): Buffer {
  return value.subarray(-PROOF_BYTES);
}

function boundsOf({ warnLo, warnHi, critLo, critHi, kWarn, kCrit }: StreamPolicy) {
  return { warnLo: BigInt(warnLo), warnHi: BigInt(warnHi), critLo: BigInt(critLo), critHi: BigInt(critHi), kWarn: BigInt(kWarn), kCrit: BigInt(kCrit) };
}

function stateName(state: bigint): HealthState {
  return (Object.keys(STATE) as HealthState[]).find((name) => STATE[name] === state)!;
}

/** 248 random bits: always a field element, and more than anyone can search. */
function newSalt(): bigint {
  return BigInt(`0x${randomBytes(31).toString('hex')}`);
}
