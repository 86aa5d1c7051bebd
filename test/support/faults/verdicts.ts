import { AtsError, isAtsError } from '#libs/errors';
import { RegistryProjection, type Deployment } from '#libs/chain';
import { decodeBlock, EventReader, TOPICS, type EventCodec } from '#libs/events';
import { chooseEngine, deploymentScope, type BatchVerifier } from '#libs/proofs';
import { LogReader, type KafkaClient } from '#libs/stream';
import {
  decide, EMPTY_STATE, evolve, examine, isRecorded, outcomeOf, ParameterSets, STATEMENTS,
  type Candidate, type Finding, type Judgement, type PartitionState, type SourceTopic, type Verdict,
} from '#libs/verdict';
import { recount, sourceEnds, type Account, type Ends } from '../../../apps/cli/src/once/recount.js';
import { until } from '../gate-until.js';

const GROUP = 'proof-gate';
const OUTPUTS = ['audit-log', 'telemetry.verified', 'bci-intent.verified', 'rejected'] as const;

export interface JudgedWorld {
  readonly client: KafkaClient;
  readonly codec: EventCodec;
  readonly deployment: Deployment;
  /** What the gate verifies with. */
  readonly circuitsDir: string;
}

/** What the gate made of every record, and what contradicts "one verdict a record, and the right one": empty when nothing does. */
export interface Holding {
  readonly faults: readonly string[];
  readonly verdicts: ReadonlyMap<string, Verdict>;
  /** How often each verdict was given on telemetry. */
  readonly tally: Readonly<Partial<Record<Verdict, number>>>;
}

/**
 * Waits until every record that the source topics hold now is judged, then holds the topics against each other by count and by identity, the entries against
 * offset order, each verdict against one that the rules alone give on the same bytes, and sees that no transaction is open.
 */
export async function holdVerdicts(world: JudgedWorld, patienceMs = 120_000): Promise<Holding> {
  const ends = await sourceEnds(world.client);
  await judgedUpTo(world.client, ends, patienceMs);
  const { accounts, faults } = await recount(world.client, world.codec, ends);
  const verdicts = new Map(accounts.map(({ record, entries }) => [placeOf(record), entries[0]?.verdict as Verdict]));
  const tally: Partial<Record<Verdict, number>> = {};
  for (const { topic, entries } of accounts) if (topic === 'telemetry' && entries[0]) tally[entries[0].verdict] = (tally[entries[0].verdict] ?? 0) + 1;
  return { faults: [...faults, ...repeatedNullifiers(accounts), ...(await outOfOrder(world)), ...(await openTransactions(world.client)), ...(await otherVerdicts(world, accounts))], verdicts, tally };
}

export function placeOf({ topic, partition, offset }: { topic: string; partition: number; offset: bigint | number }): string {
  return `${topic}/${partition}/${offset}`;
}

/** Resolves when the group has committed every source partition up to its end. */
export async function judgedUpTo(client: KafkaClient, ends: Ends, patienceMs: number): Promise<void> {
  const reader = new LogReader(client, { patienceMs: 30_000 });
  const behind = new Map<string, string>();
  try {
    await until('a verdict on every record', async () => {
      behind.clear();
      for (const topic of Object.keys(ends) as SourceTopic[]) {
        for (const [partition, end] of ends[topic].entries()) {
          const offset = end === 0n ? 0n : (await reader.committed(GROUP, topic, partition)) ?? 0n;
          if (offset < end) behind.set(`${topic}[${partition}]`, `${offset} of ${end}`);
        }
      }
      return behind.size === 0;
    }, patienceMs).catch((error: unknown) => { throw new Error(`${String(error)}; behind: ${JSON.stringify(Object.fromEntries(behind))}`); });
  } finally {
    await reader.close();
  }
}

function repeatedNullifiers(accounts: readonly Account[]): string[] {
  const used = new Map<string, string>();
  return accounts.filter(({ topic }) => topic === 'telemetry').flatMap(({ record, verified }) => verified.flatMap(({ nullifier }) => {
    const key = nullifier.toString('hex');
    const before = used.get(key);
    used.set(key, placeOf(record));
    return before === undefined ? [] : [`${placeOf(record)} is verified with the nullifier of ${before}`];
  }));
}

/** Entries of a source partition stand in its offset order, and verified events in the source's partition. */
async function outOfOrder({ client, codec }: JudgedWorld): Promise<string[]> {
  const reader = new LogReader(client, { patienceMs: 30_000 });
  const faults: string[] = [];
  const last = new Map<string, number>();
  try {
    for await (const { value } of reader.readAll('audit-log', 0, 0n)) {
      const { topic, partition, offset } = codec.decode('audit-log', value);
      const before = last.get(`${topic}/${partition}`) ?? -1;
      if (offset <= before) faults.push(`the entry of ${topic}/${partition}/${offset} follows that of ${before}`);
      last.set(`${topic}/${partition}`, offset);
    }
    for (let partition = 0; partition < TOPICS['telemetry.verified'].partitions; partition++) {
      let before = -1;
      for await (const { value } of reader.readAll('telemetry.verified', partition, 0n)) {
        const { source } = codec.decode('telemetry.verified', value);
        if (source.partition !== partition || source.offset <= before) faults.push(`the verified event of ${placeOf(source)} stands in partition ${partition} behind that of ${before}`);
        before = source.offset;
      }
    }
  } finally {
    await reader.close();
  }
  return faults;
}

async function openTransactions(client: KafkaClient): Promise<string[]> {
  const reader = new LogReader(client, { patienceMs: 30_000 });
  const open = async () => (await Promise.all(OUTPUTS.flatMap((topic) => Array.from({ length: TOPICS[topic].partitions }, async (_, partition) => {
    // asked for in this order: what is committed meanwhile can only raise the second
    const [end, stable] = [await reader.highWatermark(topic, partition), await reader.lastStable(topic, partition)];
    return stable < end ? [`a transaction stays open in ${topic}[${partition}] at ${stable}`] : [];
  })))).flat();
  try {
    let faults = await open();
    // one that is under way ends; one that hangs does not
    await until('no open transaction', async () => faults.length === 0 || (faults = await open()).length === 0, 20_000).catch(() => undefined);
    return faults;
  } finally {
    await reader.close();
  }
}

/** Verdicts that are not what the rules give on the same bytes, one record after the other, with none of the gate's own code. */
async function otherVerdicts(world: JudgedWorld, accounts: readonly Account[]): Promise<string[]> {
  const projection = await projected(world);
  const sets = new ParameterSets(projection);
  const events = new EventReader(() => Promise.reject(new AtsError('ATS_INTERNAL', 'every schema here is our own')));
  const context = { scope: deploymentScope(world.deployment), registry: projection, decode: events.decode.bind(events) };
  const findings: Finding[] = [];
  for (const { topic, record } of accounts) {
    const found = isRecorded(topic) ? { status: 'none' as const } : projection.registryBlock(record.timestamp);
    if (found.status === 'waiting') throw new Error(`${placeOf(record)} was judged before its registry block was in chain-events`);
    const block = found.status === 'found' ? found.block : null;
    const parameters = sets.at(block);
    if (parameters.set !== null && !isRecorded(topic)) await events.prepare(topic, parameters.set);
    findings.push(examine(record, { block, parameters }, context));
  }
  const proofs = await ProofsHeld.of(world);
  const states = new Map<string, PartitionState>();
  const faults: string[] = [];
  try {
    for (const [i, { topic, record, entries }] of accounts.entries()) {
      const lane = `${topic}/${record.partition}`;
      const state = states.get(lane) ?? EMPTY_STATE;
      const judgement = await proofs.decide(state, findings[i]!);
      states.set(lane, evolve(state, judgement));
      const { audit } = outcomeOf(judgement);
      const entry = entries[0];
      if (entry === undefined) continue; // recount has said so
      const same = audit.verdict === entry.verdict && audit.parameterVersion === entry.parameterVersion && audit.registryBlock?.toString('hex') === entry.registryBlock?.toString('hex');
      if (!same) faults.push(`${placeOf(record)} is ${entry.verdict} under version ${entry.parameterVersion}, and by the rules ${audit.verdict} under ${audit.parameterVersion}`);
    }
  } finally {
    await proofs.close();
  }
  return faults;
}

async function projected({ client, deployment }: JudgedWorld): Promise<RegistryProjection> {
  const projection = new RegistryProjection(deployment);
  const reader = new LogReader(client, { patienceMs: 30_000 });
  try {
    for await (const { value } of reader.readAll('chain-events', 0, 0n)) {
      try {
        projection.apply(decodeBlock(value));
      } catch (error) {
        if (!isAtsError(error, 'ATS_EVENT_MALFORMED')) throw error; // no block at all
      }
    }
  } finally {
    await reader.close();
  }
  return projection;
}

/** Results by world and place of the record: what was verified once need not be again. */
const verified = new WeakMap<JudgedWorld, Map<string, boolean>>();

/** Decides with proofs that are verified one by one, and only those that a verdict hangs on. */
class ProofsHeld {
  private constructor(private readonly verifier: BatchVerifier, private readonly known: Map<string, boolean>) {}

  static async of(world: JudgedWorld): Promise<ProofsHeld> {
    const known = verified.get(world) ?? new Map<string, boolean>();
    verified.set(world, known);
    return new ProofsHeld(await chooseEngine('auto').createVerifier({ circuits: Object.keys(STATEMENTS), threads: 1, folder: world.circuitsDir }), known);
  }

  async decide(state: PartitionState, finding: Finding): Promise<Judgement> {
    for (;;) {
      let asked: Candidate | undefined;
      const judgement = decide(state, finding, (candidate) => {
        const holds = this.known.get(placeOf(candidate.source));
        if (holds === undefined) asked = candidate;
        return holds ?? false;
      });
      if (asked === undefined) return judgement;
      const [holds] = await this.verifier.verifyBatch([asked.job]);
      this.known.set(placeOf(asked.source), holds!);
    }
  }

  async close(): Promise<void> {
    await this.verifier.close();
  }
}
