import { fieldFromBytes, isFieldBytes, messageHash, partitionOf, recordHash, wireSchemaId, type EventOf, type KafkaRecord, type TopicName } from '#libs/events';
import { isAtsError } from '#libs/errors';
import type { ProofJob } from '#libs/proofs';
import { ID_PATTERN, STATEMENT_TOPICS, type ParameterSet, type StatementParameters, type StatementTopic } from './parameter-set.js';
import type { Reason } from './reasons.js';
import type { Parameters, RegistryBlock, RegistryView } from './registry-view.js';
import { statementOf, type Claim, type Statement } from './statements.js';

/** Topics whose records are logged as they come. */
export const RECORDED_TOPICS = ['chain-events'] as const satisfies readonly TopicName[];
export type RecordedTopic = (typeof RECORDED_TOPICS)[number];

/** Every topic of which the gate judges each record. */
export const SOURCE_TOPICS = [...STATEMENT_TOPICS, ...RECORDED_TOPICS] as const;
export type SourceTopic = (typeof SOURCE_TOPICS)[number];

/**
 * What a record is judged by: the registry block that its broker time fixes, and the set in force there.
 * A recorded topic is judged by neither: chain-events must be logged also while it is being waited for.
 */
export interface Basis {
  readonly block: RegistryBlock | null;
  readonly parameters: Parameters;
}

/** What does not change from record to record. */
export interface JudgeContext {
  /** H(SCOPE, ...) of the deployment. */
  readonly scope: bigint;
  readonly registry: Pick<RegistryView, 'rootAt'>;
  /**
   * The event in a value whose schema id the set lists; of a recorded topic, whatever its id.
   * @throws AtsError ATS_EVENT_MALFORMED; any other error is a fault of the judge and no verdict
   */
  decode<T extends SourceTopic>(topic: T, value: Buffer, set: ParameterSet | null): EventOf<T>;
}

export interface Source {
  readonly topic: SourceTopic;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly hash: Buffer;
}

/** A verdict that no earlier one can change. */
export interface Settled {
  readonly status: 'settled';
  readonly source: Source;
  readonly basis: Basis;
  readonly verdict: Reason | 'RECORDED';
  readonly detail: string;
}

/** All checks up to the epoch's passed; the rest depends on the partition's earlier verdicts and on the proof. */
export interface Candidate {
  readonly status: 'candidate';
  readonly source: Source;
  readonly basis: Basis & { readonly block: RegistryBlock };
  readonly event: Claim;
  readonly statement: Statement;
  readonly parameters: StatementParameters;
  readonly root: 'known' | 'unknown' | 'revoked';
  readonly job: ProofJob;
}

export type Finding = Settled | Candidate;

/**
 * The checks that need nothing but the record and its basis, in order. Whatever a record can hold ends in a finding: null or short values, ids,
 * Avro bodies that decode() refuses, numbers, texts, keys and headers of any bytes. An error from here is a fault of ours.
 */
export function examine(record: KafkaRecord, basis: Basis, context: JudgeContext): Finding {
  const topic = record.topic as SourceTopic;
  const source = { topic, partition: record.partition, offset: Number(record.offset), timestamp: record.timestamp, hash: recordHash(record) };
  const settle = (verdict: Settled['verdict'], detail: string): Settled => ({ status: 'settled', source, basis, verdict, detail });

  const frame = malformed(() => wireSchemaId(record.value));
  if ('fault' in frame) return settle('MALFORMED', frame.fault);
  const value = record.value!;

  if (isRecorded(topic)) {
    const body = malformed(() => context.decode(topic, value, null));
    return 'fault' in body ? settle('MALFORMED', body.fault) : settle('RECORDED', '');
  }

  const { block, parameters: { set } } = basis;
  if (block === null) return settle('PARAMETERS_UNKNOWN', 'the chain had no block yet');
  if (set === null) return settle('PARAMETERS_UNKNOWN', (basis.parameters as { why: string }).why);
  if (!set.schemas.some((schema) => schema.topic === topic && schema.id === frame.result)) {
    return settle('SCHEMA_UNKNOWN', `schema id ${frame.result} is not listed for ${topic}`);
  }

  const body = malformed(() => context.decode(topic, value, set));
  if ('fault' in body) return settle('MALFORMED', body.fault);
  const event: Claim = body.result;
  for (const name of ['stream', 'policyFamily'] as const) {
    if (!ID_PATTERN.test(event[name])) return settle('MALFORMED', `${name} does not match ${ID_PATTERN.source}`);
  }

  for (const name of ['pseudonym', 'root', 'nullifier', 'commitment'] as const) {
    if (!isFieldBytes(event[name])) return settle('FIELD_NOT_CANONICAL', `${name} is not below the field modulus`);
  }

  const partitions = set.partitions[topic];
  if (record.key !== null && partitionOf(record.key, partitions) !== record.partition) {
    return settle('PARTITION_MISMATCH', `the key belongs to partition ${partitionOf(record.key, partitions)} of ${partitions}`);
  }
  if (record.key === null || !record.key.equals(event.pseudonym)) {
    return settle('KEY_MISMATCH', record.key === null ? 'there is no key' : 'the key is not the pseudonym');
  }

  const parameters = set.statements.find((row) => row.topic === topic && row.circuit === event.circuit);
  if (parameters === undefined) return settle('STATEMENT_UNKNOWN', `the parameter set has no such circuit for ${topic}`);
  const statement = statementOf(topic, event.circuit);
  if (statement === undefined) throw new TypeError(`circuit ${event.circuit} is in force for ${topic}, but unknown here; unsupportedStatements should have said so`);
  const policy = statement.policyOf(set, event);
  if (policy === undefined) return settle('POLICY_UNKNOWN', `no policy of family ${event.policyFamily} for stream ${event.stream}`);

  return {
    status: 'candidate',
    source,
    basis: { block, parameters: basis.parameters },
    event,
    statement,
    parameters,
    root: context.registry.rootAt(fieldFromBytes(event.root), block.number, set.revokedRootGraceSeconds),
    job: {
      circuit: event.circuit,
      proof: event.proof,
      // A negative epoch has no signal. Its window ended before 1970: it is stale whatever the proof says.
      publicSignals: event.epoch < 0 ? [] : statement.publicSignals(event, {
        policy, scope: context.scope, messageHash: messageHash(topic, record.key, value, record.headers),
      }),
    },
  };
}

/** Statements of a topic that the set has in force and this software can't judge. While there is one, no record of the topic may be judged. */
export function unsupportedStatements(set: ParameterSet, topic: StatementTopic): StatementParameters[] {
  return set.statements.filter((row) => row.topic === topic && statementOf(topic, row.circuit)?.kind !== row.kind);
}

export function isRecorded(topic: SourceTopic): topic is RecordedTopic {
  return (RECORDED_TOPICS as readonly string[]).includes(topic);
}

/** The result, or what is wrong with the bytes. */
function malformed<R>(read: () => R): { result: R } | { fault: string } {
  try {
    return { result: read() };
  } catch (error) {
    if (isAtsError(error, 'ATS_EVENT_MALFORMED')) return { fault: error.why };
    throw error;
  }
}
