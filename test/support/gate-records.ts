import { createHash } from 'node:crypto';
import { cloudEventHeaders, EventCodec, fieldToBytes, partitionOf, schemaFingerprint, TOPIC_NAMES, type EventOf, type KafkaRecord, type TopicName } from '#libs/events';
import { ParameterSets, serializeParameterSet, type Basis, type JudgeContext, type ParameterSet, type RegistryBlock, type RegistryView } from '#libs/verdict';

/** Records and their surroundings for tests of the rules: no broker, no chain, no proofs. */

export const IDS = Object.fromEntries(TOPIC_NAMES.map((topic, i) => [topic, 101 + i])) as Record<TopicName, number>;
export const CODEC = EventCodec.fromIds(IDS);

/** Broker time of an unremarkable record, a multiple of every epoch length used here. */
export const NOW = 1_800_000_000_000;
export const EPOCH_SECONDS = 30;
export const EPOCH = NOW / 1000 / EPOCH_SECONDS - 1;

export const BLOCK: RegistryBlock = { number: 7, hash: sha('block 7'), timestampMs: NOW - 14_000 };

/** Roots by number: 1 is known, 2 has a revoked leaf, others were never there. */
export const registry: RegistryView = {
  parametersAt: () => ({ version: 1, document: serializeParameterSet(parameterSet()) }),
  rootAt: (root) => (root === 1n ? 'known' : root === 2n ? 'revoked' : 'unknown'),
};

export function parameterSet(change: Partial<ParameterSet> = {}): ParameterSet {
  return {
    schema: 'attestream/parameter-set/1',
    version: 1,
    partitions: { telemetry: 4, 'bci-intent': 4 },
    schemas: (['telemetry', 'bci-intent'] as const).map((topic) => ({ topic, id: IDS[topic], fingerprint: schemaFingerprint(topic) })),
    statements: [{
      topic: 'telemetry', kind: 1, circuit: 'telemetry16', verificationKey: 'ab'.repeat(32), epochSeconds: EPOCH_SECONDS, acceptSeconds: 86_400, actSeconds: 90,
    }],
    policies: [{ topic: 'telemetry', family: 'home', stream: 'load', unit: '0.01', warnLo: 0, warnHi: 400, critLo: 0, critHi: 800, kWarn: 4, kCrit: 2 }],
    revokedRootGraceSeconds: 60,
    ...change,
  };
}

export function basis(set: ParameterSet = parameterSet(), block: RegistryBlock | null = BLOCK): Basis {
  return { block, parameters: { version: set.version, set } };
}

export const context: JudgeContext = { scope: 99n, registry, decode: (topic, value) => CODEC.decode(topic, value) };

export const pseudonym = fieldToBytes(4711n);
/** The partition where a record with {@link pseudonym} belongs. */
export const PARTITION = partitionOf(pseudonym, 4);

export function telemetry(change: Partial<EventOf<'telemetry'>> = {}): EventOf<'telemetry'> {
  return {
    pseudonym, stream: 'load', epoch: EPOCH, root: fieldToBytes(1n), nullifier: fieldToBytes(5n), commitment: fieldToBytes(6n), policyFamily: 'home', state: 'OK',
    circuit: 'telemetry16', sealed: { keyId: Buffer.alloc(16), encapsulatedKey: Buffer.alloc(32), ciphertext: Buffer.from('sealed') }, proof: Buffer.alloc(256, 7),
    ...change,
  };
}

export function intent(change: Partial<EventOf<'bci-intent'>> = {}): EventOf<'bci-intent'> {
  const { state: _state, ...shared } = telemetry({ stream: 'ssvep' });
  return { ...shared, intent: 1, ...change };
}

export function record(event: EventOf<'telemetry'> = telemetry(), change: Partial<KafkaRecord> = {}): KafkaRecord {
  return raw(CODEC.encode('telemetry', event), { key: event.pseudonym, ...change });
}

/** A record with this value, otherwise as a well-behaved producer sends it. */
export function raw(value: Buffer | null, change: Partial<KafkaRecord> = {}): KafkaRecord {
  const headers = cloudEventHeaders({ id: '1', source: '/edge-agent/kitchen', type: 'attestream.telemetry', subject: 'load', time: NOW });
  return { topic: 'telemetry', partition: PARTITION, offset: 10n, timestamp: NOW, key: pseudonym, value, headers: Object.entries(headers), ...change };
}

/** Parameter sets that change at given blocks: version i + 1 is in force from block `from` on. */
export function parameterSets(versions: readonly { from: number; set: ParameterSet }[]): ParameterSets {
  return new ParameterSets({
    rootAt: registry.rootAt,
    parametersAt: (block) => {
      const set = versions.findLast(({ from }) => from <= block)?.set;
      return set && { version: set.version, document: serializeParameterSet(set) };
    },
  });
}

export function sha(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

