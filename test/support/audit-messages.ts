import { createHash } from 'node:crypto';
import { cloudEventHeaders, fieldFromText, fieldToBytes, messageHash, partitionOf, type EventOf, type KafkaRecord } from '#libs/events';
import { hashFields, telemetryPublicSignals, TELEMETRY_SIGNALS, type ProofJob } from '#libs/proofs';
import { serializeParameterSet, type ParameterSet } from '#libs/verdict';
import { CODEC, EPOCH_SECONDS, parameterSet } from './gate-records.js';
import { Trapdoor } from './gate-trapdoor.js';

/** What a telemetry message says; the rest follows from it. */
export interface AuditMessage {
  household: number;
  /** A time in the window that it is about. */
  epochMs: number;
  stream?: string;
  state?: EventOf<'telemetry'>['state'];
  nullifier?: Buffer;
}

/** Telemetry messages with proofs that hold, by a throwaway key. */
export class AuditMessages {
  readonly trapdoor = new Trapdoor(TELEMETRY_SIGNALS.length);
  /** Of the registry's tree: set before messages are made. */
  root = 0n;
  readonly #proven = new Set<string>();
  /** The same message is the same bytes, in every world: it is made once. */
  readonly #made = new Map<string, Pick<KafkaRecord, 'key' | 'value' | 'headers' | 'partition'>>();

  constructor(private readonly scope: bigint) {}

  set(version: number): ParameterSet {
    const { policies, statements } = parameterSet();
    return parameterSet({
      version, statements: [{ ...statements[0]!, verificationKey: this.trapdoor.keyHash, acceptSeconds: 60, actSeconds: 30 }],
      policies: ['load', 'heat'].map((stream) => ({ ...policies[0]!, stream })),
    });
  }

  document(version: number): string {
    return serializeParameterSet(this.set(version)).toString();
  }

  partitionOf(household: number): number {
    return partitionOf(pseudonymOf(household), 4);
  }

  message(said: AuditMessage): Pick<KafkaRecord, 'key' | 'value' | 'headers' | 'partition'> {
    const name = JSON.stringify([said, String(this.root)]);
    const message = this.#made.get(name) ?? this.#make(said);
    this.#made.set(name, message);
    return { ...message, value: Buffer.from(message.value!) };
  }

  #make({ household, epochMs, stream = 'load', state = 'OK', nullifier }: AuditMessage): Pick<KafkaRecord, 'key' | 'value' | 'headers' | 'partition'> {
    const epoch = Math.floor(epochMs / 1000 / EPOCH_SECONDS);
    const event: EventOf<'telemetry'> = {
      pseudonym: pseudonymOf(household), stream, epoch, root: fieldToBytes(this.root),
      nullifier: nullifier ?? fieldToBytes(hashFields(2n, BigInt(household), fieldFromText(stream), BigInt(epoch))),
      commitment: fieldToBytes(3n), policyFamily: 'home', state, circuit: 'telemetry16',
      sealed: { keyId: Buffer.alloc(16), encapsulatedKey: Buffer.alloc(32), ciphertext: Buffer.from('sealed') }, proof: Buffer.alloc(256),
    };
    const value = CODEC.encode('telemetry', event);
    const headers = Object.entries(cloudEventHeaders({ id: `${household}/${epoch}`, source: '/households/test', type: 'attestream.telemetry', subject: stream, time: epochMs }));
    const proof = this.#prove(event, value, headers);
    proof.copy(value, value.length - proof.length);
    return { key: event.pseudonym, value, headers, partition: partitionOf(event.pseudonym, 4) };
  }

  nullifierOf(value: Buffer): Buffer {
    return CODEC.decode('telemetry', value).nullifier;
  }

  /** Whether this proof was made for these signals. */
  proves({ proof, publicSignals }: ProofJob): boolean {
    return this.#proven.has(nameOf(proof, publicSignals));
  }

  #prove(event: EventOf<'telemetry'>, value: Buffer, headers: KafkaRecord['headers']): Buffer {
    const field = (bytes: Buffer) => BigInt(`0x${bytes.toString('hex')}`);
    const policy = parameterSet().policies[0]!;
    const signals = telemetryPublicSignals({
      root: field(event.root), pseudonym: field(event.pseudonym), nullifier: field(event.nullifier), commitment: field(event.commitment),
      state: ['OK', 'WARNING', 'CRITICAL'].indexOf(event.state), scope: this.scope, stream: fieldFromText(event.stream), epoch: event.epoch, policyFamily: fieldFromText(event.policyFamily),
      warnLo: policy.warnLo, warnHi: policy.warnHi, critLo: policy.critLo, critHi: policy.critHi, kWarn: policy.kWarn, kCrit: policy.kCrit,
      messageHash: messageHash('telemetry', event.pseudonym, value, headers),
    });
    const proof = this.trapdoor.prove(signals);
    this.#proven.add(nameOf(proof, signals));
    return proof;
  }
}

function pseudonymOf(household: number): Buffer {
  return fieldToBytes(hashFields(1n, BigInt(household)));
}

function nameOf(proof: Buffer, signals: readonly bigint[]): string {
  return createHash('sha256').update(proof).update(signals.join()).digest('hex');
}
