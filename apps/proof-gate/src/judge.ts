import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { AtsError, isAtsError } from '#libs/errors';
import type { EventCodec, EventReader, KafkaRecord, OutgoingRecord } from '#libs/events';
import type { Verifiers } from '#libs/proofs';
import type { Outage } from '#libs/service';
import {
  decide, evolve, examine, isRecorded, outcomeOf, ParameterSets, pendingProofs, unsupportedStatements,
  type Basis, type Finding, type JudgeContext, type Judgement, type ParameterSet, type PartitionState, type SourceTopic, type StatementTopic,
} from '#libs/verdict';
import type { GateMetrics } from './metrics.js';
import { outputOf } from './output.js';
import type { RegistryFollower } from './registry-follower.js';
import type { Verification } from './verification/verification.js';

/** A missing circuit or schema is looked for again after this. */
const RETRY_MS = 1000;

/** Verdicts that are written in one go: other partitions' work comes in between. */
const GO_RECORDS = 64;

/** What stops the judging of a topic until it is there: nothing else may decide a verdict in its place. */
const WAITED_FOR = ['ATS_CIRCUIT_MISSING', 'ATS_EVENT_SCHEMA_UNKNOWN', 'ATS_SCHEMA_INCOMPATIBLE', 'ATS_REGISTRY_UNREACHABLE'] as const;

export interface JudgeParameters {
  codec: EventCodec;
  context: JudgeContext;
  events: EventReader;
  follower: Pick<RegistryFollower, 'blockNow' | 'blockOf'>;
  metrics: GateMetrics;
  /** Tells that the parameter set in force names something of a topic that is not here. */
  outageOf: (topic: StatementTopic) => Outage;
  parameterSets: ParameterSets;
  verification: Pick<Verification, 'verify'>;
  verifiers: Pick<Verifiers, 'isPrepared' | 'prepare'>;
}

/** What the gate remembers of an assigned source partition. */
export interface Memory {
  /** After the last committed batch. */
  state: PartitionState;
  /** No record that was prepared until now has a higher broker timestamp. */
  highest: number;
}

/** What is known of a record before the verdicts before it are. */
export interface Examined {
  readonly finding: Finding;
  /** Whether its proof holds, where that can matter. */
  readonly holds: boolean | undefined;
}

export const memoryOf = (state: PartitionState): Memory => ({ state, highest: state.clock });

/** Where a batch comes from. The signal is aborted when the partition is taken away or the gate stops. */
export interface Place {
  readonly topic: SourceTopic;
  readonly partition: number;
  readonly signal: AbortSignal;
}

/** Judges in two stages: what a record comes to by itself, ahead of the verdicts before it; and the verdicts, in offset order. */
export class Judge {
  /** Sets of which all that they name for a topic is here. */
  readonly #complete = new Map<StatementTopic, WeakSet<ParameterSet>>();

  constructor(private readonly parameters: JudgeParameters) {}

  /**
   * Basis, examination and proof of each record. The memory may lack the verdicts on records before these, which must have been prepared: see pendingProofs.
   * An error from here is the gate's own, or the signal's, and decides nothing.
   */
  async prepare(memory: Memory, records: readonly KafkaRecord[], place: Place): Promise<Examined[]> {
    const { context, metrics, verification } = this.parameters;
    // Before anything is waited for: the next records may be prepared meanwhile.
    const { highest } = memory;
    memory.highest = records.reduce((most, { timestamp }) => Math.max(most, timestamp), highest);
    const findings: Finding[] = [];
    const waitedFrom = performance.now();
    for (const record of records) findings.push(examine(record, this.basisNow(place, record) ?? (await this.basisOf(place, record)), context));
    metrics.examineSeconds.observe((performance.now() - waitedFrom) / 1000);

    const candidates = pendingProofs(memory.state, findings, highest);
    const holds = await verification.verify(`${place.topic}/${place.partition}`, candidates, place.signal);
    const held = new Map<Finding, boolean>(candidates.map((candidate, i) => [candidate, holds[i]!]));
    return findings.map((finding) => ({ finding, holds: held.get(finding) }));
  }

  /**
   * The output of records that were prepared. The memory moves on in `committed` alone, so that a batch that is given up leaves no trace.
   * Whatever a record holds ends in a verdict; an error from here is the gate's own and decides nothing.
   */
  async process(memory: Memory, records: readonly KafkaRecord[], { topic }: Place, prepared: readonly Examined[]): Promise<{ output: OutgoingRecord[]; committed: () => void }> {
    const { codec, metrics } = this.parameters;
    let { state } = memory;
    const judgements: Judgement[] = [];
    const output: OutgoingRecord[] = [];
    for (const [i, { finding, holds }] of prepared.entries()) {
      const judgement = decide(state, finding, ({ source }) => {
        if (holds === undefined) throw new TypeError(`the proof of ${source.topic}/${source.partition}/${source.offset} was not verified`);
        return holds;
      });
      judgements.push(judgement);
      state = evolve(state, judgement);
      output.push(...outputOf(records[i]!, outcomeOf(judgement), codec));
      if (i % GO_RECORDS === GO_RECORDS - 1) await turn();
    }
    return {
      output,
      committed: () => {
        memory.state = state;
        for (const held of [true, false]) metrics.proofs.inc({ holds: String(held) }, prepared.filter(({ holds }) => holds === held).length);
        this.count(topic, judgements);
      },
    };
  }

  /** What the record is judged by, when nothing has to be waited for. */
  private basisNow({ topic }: Place, { timestamp }: KafkaRecord): Basis | undefined {
    const { follower, parameterSets } = this.parameters;
    const block = isRecorded(topic) ? null : follower.blockNow(timestamp);
    if (block === undefined) return undefined;
    const parameters = parameterSets.at(block);
    return isRecorded(topic) || parameters.set === null || this.#complete.get(topic)?.has(parameters.set) ? { block, parameters } : undefined;
  }

  /** The same, once chain-events has passed its registry block and all that the set in force names is here. */
  private async basisOf(place: Place, record: KafkaRecord): Promise<Basis> {
    const { follower, metrics } = this.parameters;
    const { topic, signal } = place;
    const waitedFrom = performance.now();
    const block = await follower.blockOf(record.timestamp, signal);
    metrics.chainWaitSeconds.observe((performance.now() - waitedFrom) / 1000);
    const parameters = this.parameters.parameterSets.at(block);
    if (parameters.set !== null && !isRecorded(topic)) await this.complete(topic, parameters.set, signal);
    return { block, parameters };
  }

  private async complete(topic: StatementTopic, set: ParameterSet, signal: AbortSignal): Promise<void> {
    const { events, outageOf, verifiers } = this.parameters;
    const outage = outageOf(topic);
    for (;;) {
      signal.throwIfAborted();
      try {
        const [unsupported] = unsupportedStatements(set, topic);
        if (unsupported) throw new AtsError('ATS_CIRCUIT_MISSING', `parameter set ${set.version} has circuit ${unsupported.circuit} in force for ${topic}, which this version does not know`, { todo: 'Run a version that knows it.' });
        await events.prepare(topic, set);
        for (const statement of set.statements) if (statement.topic === topic) await verifiers.prepare(statement);
        outage.end();
        this.#complete.set(topic, (this.#complete.get(topic) ?? new WeakSet()).add(set));
        return;
      } catch (error) {
        if (!isAtsError(error) || !WAITED_FOR.some((code) => code === error.code)) throw error;
        outage.begin(error);
      }
      await delay(RETRY_MS, undefined, { signal });
    }
  }

  private count(topic: SourceTopic, judgements: readonly Judgement[]): void {
    const { metrics } = this.parameters;
    metrics.batchRecords.observe({ topic }, judgements.length);
    for (const [verdict, { length }] of Map.groupBy(judgements, (judgement) => judgement.verdict)) metrics.verdicts.inc({ topic, verdict }, length);
    const late = judgements.filter((judgement) => judgement.verdict === 'VERIFIED' && judgement.late).length;
    if (late > 0) metrics.late.inc({ topic }, late);
  }
}
