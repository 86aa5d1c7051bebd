import { setTimeout as delay } from 'node:timers/promises';
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

/** A missing circuit or schema is looked for again after this. */
const RETRY_MS = 1000;

/** What stops the judging of a topic until it is there: nothing else may decide a verdict in its place. */
const WAITED_FOR = ['ATS_CIRCUIT_MISSING', 'ATS_EVENT_SCHEMA_UNKNOWN', 'ATS_SCHEMA_INCOMPATIBLE', 'ATS_REGISTRY_UNREACHABLE'] as const;

export interface JudgeParameters {
  codec: EventCodec;
  context: JudgeContext;
  events: EventReader;
  follower: Pick<RegistryFollower, 'blockOf'>;
  metrics: GateMetrics;
  /** Tells that the parameter set in force names something of a topic that is not here. */
  outageOf: (topic: StatementTopic) => Outage;
  parameterSets: ParameterSets;
  verifiers: Verifiers;
}

/** What the gate remembers of an assigned source partition: the state after the last committed batch. */
export interface Memory {
  state: PartitionState;
}

/** Where a batch comes from. The signal is aborted when the partition is taken away or the gate stops. */
export interface Place {
  readonly topic: SourceTopic;
  readonly signal: AbortSignal;
}

/** Judges batches of one partition after the other's commit: bases, examination, one batch of proofs, verdicts in offset order. */
export class Judge {
  constructor(private readonly parameters: JudgeParameters) {}

  /**
   * The output of a batch. The memory moves on in `committed` alone, so that a batch that is given up leaves no trace.
   * Whatever a record holds ends in a verdict; an error from here is the gate's own, or the signal's, and decides nothing.
   */
  async judge(memory: Memory, records: readonly KafkaRecord[], place: Place): Promise<{ output: OutgoingRecord[]; committed: () => void }> {
    const { codec, context, metrics, verifiers } = this.parameters;
    const findings: Finding[] = [];
    const waitedFrom = performance.now();
    for (const record of records) {
      const basis = await this.basisOf(place, record);
      findings.push(examine(record, basis, context));
    }
    metrics.chainWaitSeconds.observe((performance.now() - waitedFrom) / 1000);

    const candidates = pendingProofs(memory.state, findings);
    const stopTimer = metrics.verifySeconds.startTimer();
    const holds = await verifiers.verify(candidates);
    if (candidates.length > 0) stopTimer();

    let state = memory.state;
    const judgements: Judgement[] = [];
    for (const finding of findings) {
      const judgement = decide(state, finding, (candidate) => {
        const held = holds.get(candidate);
        if (held === undefined) throw new TypeError(`the proof of ${candidate.source.topic}/${candidate.source.partition}/${candidate.source.offset} was not verified`);
        return held;
      });
      judgements.push(judgement);
      state = evolve(state, judgement);
    }
    const output = judgements.flatMap((judgement, i) => outputOf(records[i]!, outcomeOf(judgement), codec));
    return {
      output,
      committed: () => {
        memory.state = state;
        for (const held of holds.values()) metrics.proofs.inc({ holds: String(held) });
        this.count(place.topic, judgements);
      },
    };
  }

  /** What the record is judged by, once chain-events has passed its registry block and all that the set in force names is here. */
  private async basisOf({ topic, signal }: Place, record: KafkaRecord): Promise<Basis> {
    const { follower, parameterSets } = this.parameters;
    if (isRecorded(topic)) return { block: null, parameters: parameterSets.at(null) };
    const block = await follower.blockOf(record.timestamp, signal);
    const parameters = parameterSets.at(block);
    if (parameters.set !== null) await this.prepare(topic, parameters.set, signal);
    return { block, parameters };
  }

  private async prepare(topic: StatementTopic, set: ParameterSet, signal: AbortSignal): Promise<void> {
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
    for (const judgement of judgements) {
      metrics.verdicts.inc({ topic, verdict: judgement.verdict });
      if (judgement.verdict === 'VERIFIED' && judgement.late) metrics.late.inc({ topic });
    }
  }
}
