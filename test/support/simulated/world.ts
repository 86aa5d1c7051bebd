import { createHash } from 'node:crypto';
import {
  cloudEventHeaders, EventCodec, fieldFromText, FIELD_MODULUS, fieldToBytes, messageHash, partitionOf, PROOF_BYTES, schemaFingerprint,
  TOPICS, type EventOf, type HealthState, type OutgoingRecord, type TopicName,
} from '#libs/events';
import { deploymentScope, KIND, nullifierOf, pseudonymOf, TELEMETRY_SIGNALS } from '#libs/proofs';
import { serializeParameterSet, statementOf, type ParameterSet, type Policy } from '#libs/verdict';
import type { ThrowawayCircuits } from './circuits.js';
import { drawTrapdoor, scalarOf, simulateProof, type Trapdoor } from './trapdoor.js';

const CIRCUIT = 'telemetry16';
const FAMILY = 'home';
/** Of 16 readings and a salt, sealed. */
const CIPHERTEXT_BYTES = 112;

export interface SimulatedWorldParameters {
  /** Decides every byte of every message, together with what the message says. */
  seed: string;
  circuits: ThrowawayCircuits;
  /** Whose scope the proofs are for. */
  deployment: Parameters<typeof deploymentScope>[0];
  /** Schema ids, as registerSchemas returns them. */
  ids: Readonly<Record<TopicName, number>>;
  streams?: readonly string[];
  epochSeconds?: number;
  acceptSeconds?: number;
  actSeconds?: number;
  revokedRootGraceSeconds?: number;
}

/** What a message says; the rest follows from it. */
export interface Said {
  /** Any number from 0 on: a household needs no leaf of its own, since no proof is made from it. */
  household: number;
  stream?: string;
  /** The window that has ended last, when absent. */
  epoch?: number;
  state?: HealthState;
  /** Tells messages about one household, stream and epoch apart, which share their nullifier. */
  variant?: number;
}

/**
 * Households that speak with simulated proofs under keys that were made to be thrown away. Nullifiers and pseudonyms are as an honest household's;
 * roots are those of the registry that {@link putOnChain} or {@link putOnMadeUpChain} filled.
 */
export class SimulatedWorld {
  readonly codec: EventCodec;
  /** A root that the registry has, once it was filled. */
  root = 0n;
  /** A root with a leaf that was revoked. */
  revokedRoot = 0n;
  readonly scope: bigint;
  readonly streams: readonly string[];
  readonly epochSeconds: number;
  readonly #pseudonyms = new Map<number, Buffer>();

  constructor(private readonly parameters: SimulatedWorldParameters) {
    this.codec = EventCodec.fromIds(parameters.ids);
    this.scope = deploymentScope(parameters.deployment);
    this.streams = parameters.streams ?? ['load'];
    this.epochSeconds = parameters.epochSeconds ?? 30;
  }

  /** The set under which the messages count. */
  parameterSet(version = 1): ParameterSet {
    const { circuits, ids, acceptSeconds = 86_400, actSeconds = 90, revokedRootGraceSeconds = 1 } = this.parameters;
    return {
      schema: 'attestream/parameter-set/1',
      version,
      partitions: { telemetry: TOPICS.telemetry.partitions, 'bci-intent': TOPICS['bci-intent'].partitions },
      schemas: (['telemetry', 'bci-intent'] as const).map((topic) => ({ topic, id: ids[topic], fingerprint: schemaFingerprint(topic) })),
      statements: [{ topic: 'telemetry', kind: 1, circuit: CIRCUIT, verificationKey: circuits.keyHashes[CIRCUIT]!, epochSeconds: this.epochSeconds, acceptSeconds, actSeconds }],
      policies: this.streams.map((stream) => this.policy(stream)),
      revokedRootGraceSeconds,
    };
  }

  /** What PolicyRegistry.publish takes. */
  document(version = 1): Buffer {
    return serializeParameterSet(this.parameterSet(version));
  }

  secretOf(household: number): bigint {
    return scalarOf(this.parameters.seed, `secret ${household}`);
  }

  pseudonymOf(household: number): Buffer {
    const known = this.#pseudonyms.get(household) ?? fieldToBytes(pseudonymOf(this.secretOf(household), this.scope));
    this.#pseudonyms.set(household, known);
    return known;
  }

  partitionOf(household: number): number {
    return this.partitionOfKey(this.pseudonymOf(household));
  }

  partitionOfKey(key: Buffer): number {
    return partitionOf(key, TOPICS.telemetry.partitions);
  }

  /** The window that ended last. */
  lastEpoch(): number {
    return Math.floor(Date.now() / 1000 / this.epochSeconds) - 1;
  }

  /** A message that is VERIFIED: the first of its household, stream and epoch. */
  telemetry(said: Said): OutgoingRecord & { readonly key: Buffer } {
    const event = this.event(said);
    return this.proven(event, this.unproven(event));
  }

  /** What it says, before it is proven. */
  event({ household, stream = this.streams[0]!, epoch = this.lastEpoch(), state = 'OK', variant = 0 }: Said): EventOf<'telemetry'> {
    const name = `${household} ${stream} ${epoch} ${variant}`;
    const nullifier = nullifierOf({ secret: this.secretOf(household), scope: this.scope, kind: KIND.telemetry, stream: fieldFromText(stream), epoch: BigInt(epoch) });
    return {
      pseudonym: this.pseudonymOf(household), stream, epoch, root: fieldToBytes(this.root), nullifier: fieldToBytes(nullifier),
      commitment: fieldToBytes(scalarOf(this.parameters.seed, `commitment ${name}`)), policyFamily: FAMILY, state, circuit: CIRCUIT,
      sealed: { keyId: this.bytes(`key ${household}`, 16), encapsulatedKey: this.bytes(`encapsulated ${name}`, 32), ciphertext: this.bytes(`ciphertext ${name}`, CIPHERTEXT_BYTES) },
      proof: Buffer.alloc(PROOF_BYTES),
    };
  }

  /** The record of an event, without looking at its proof. */
  unproven(event: EventOf<'telemetry'>): OutgoingRecord & { readonly key: Buffer } {
    const id = event.nullifier.toString('hex');
    const trace = this.bytes(`trace ${id}`, 24).toString('hex');
    const headers = cloudEventHeaders({
      id, source: `/households/${event.pseudonym.toString('hex')}`, type: 'attestream.telemetry', subject: event.stream,
      time: Math.max(0, (event.epoch + 1) * this.epochSeconds * 1000), traceparent: `00-${trace.slice(0, 32)}-${trace.slice(32)}-01`,
    });
    return { topic: 'telemetry', key: event.pseudonym, value: this.codec.encode('telemetry', event), headers };
  }

  /** The record with a proof that holds for what the gate will make of it. */
  proven<R extends OutgoingRecord>(event: EventOf<'telemetry'>, record: R): R {
    simulateProof(this.parameters.circuits.trapdoor, CIRCUIT, this.publicSignals(event, record)).copy(record.value, record.value.length - PROOF_BYTES);
    return record;
  }

  /** As the gate puts them together. A stream without a policy has that of the first. */
  publicSignals(event: EventOf<'telemetry'>, { topic, key, value, headers }: OutgoingRecord): bigint[] {
    const policy = this.policy(event.stream);
    const canonical = { ...event, nullifier: fieldToBytes(modulo(event.nullifier)) };
    return statementOf('telemetry', CIRCUIT)!.publicSignals(canonical, { policy, scope: this.scope, messageHash: messageHash(topic, key, value, headers) });
  }

  /** Secrets of keys that no set names. */
  otherTrapdoor(): Trapdoor {
    return drawTrapdoor(`${this.parameters.seed} other`, [{ id: CIRCUIT, publicSignals: TELEMETRY_SIGNALS.length }]);
  }

  /** Bytes that the seed and a name decide. */
  bytes(name: string, length: number): Buffer {
    return createHash('shake128', { outputLength: length }).update(JSON.stringify([this.parameters.seed, name])).digest();
  }

  private policy(stream: string): Policy {
    return { topic: 'telemetry', family: FAMILY, stream, unit: '0.01', warnLo: 0, warnHi: 400, critLo: 0, critHi: 800, kWarn: 4, kCrit: 2 };
  }
}

function modulo(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`) % FIELD_MODULUS;
}
