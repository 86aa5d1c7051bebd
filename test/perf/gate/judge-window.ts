/** Rules and verifier on a window of so many nullifiers, without Kafka, in a process of its own: node judge-window.ts JSON. Prints one line of JSON. */
import { randomBytes } from 'node:crypto';
import { RegistryProjection } from '#libs/chain';
import { TOPIC_NAMES, type KafkaRecord, type TopicName } from '#libs/events';
import { chooseEngine } from '#libs/proofs';
import { decide, EMPTY_STATE, evolve, examine, ParameterSets, pendingProofs, remember, type JudgeContext, type PartitionState } from '#libs/verdict';
import { block, deployment, published, registered } from '../../../libs/chain/test/made-up-chain.js';
import { SimulatedWorld, writeThrowawayCircuits } from '../../support/simulated/index.js';
import { honestMessages } from './messages.js';
import { peakMiB } from './meter.js';

const BATCH = 256;
const SHARES = 4;

const { windows, records, folder, threads } = JSON.parse(process.argv[2]!) as { windows: number[]; records: number; folder: string; threads: number };
const ids = Object.fromEntries(TOPIC_NAMES.map((topic, i) => [topic, 101 + i])) as Record<TopicName, number>;
const circuits = writeThrowawayCircuits(folder, 'judge-window');
const world = new SimulatedWorld({ seed: 'judge-window', circuits, deployment, ids, acceptSeconds: 604_800, streams: ['load', 'heat', 'power', 'water'] });
const projection = new RegistryProjection(deployment);
const lagMs = deployment.registryLagSeconds * 1000;
const now = Date.now();
for (let i = 0; i < 3; i++) {
  projection.apply({ ...block(deployment.firstBlock + i, i === 0 ? [published(1, world.document().toString()), registered(0)] : []), timestamp: now - lagMs - 2000 + 1500 * i });
}
world.root = projection.tree().root;
const found = projection.registryBlock(now);
if (found.status !== 'found') throw new Error(found.status);
const basis = { block: found.block, parameters: new ParameterSets(projection).at(found.block) };
const context: JudgeContext = { scope: world.scope, registry: projection, decode: (topic, value) => world.codec.decode(topic, value) };
const verifier = await chooseEngine('auto').createVerifier({ circuits: ['telemetry16'], threads, folder });

const messages = honestMessages(world, records).map(({ record: { key, value, headers } }, i): KafkaRecord => (
  { topic: 'telemetry', partition: world.partitionOfKey(key!), offset: BigInt(2e9 + i), timestamp: now, key, value, headers: Object.entries(headers) }
));

/** The state after so many verified events of the newest epoch, as if a partition's share each. */
function filled(count: number): PartitionState[] {
  const states = Array<PartitionState>(SHARES).fill(EMPTY_STATE);
  const shared = { epoch: world.lastEpoch(), partitionClock: now, epochFloor: 1 };
  for (let at = 0; at < count; at += 4096) {
    const random = randomBytes(64 * Math.min(4096, count - at));
    for (let i = 0; 64 * i < random.length; i++) {
      const partition = (at + i) % SHARES;
      random[64 * i] = 0;
      states[partition] = remember(states[partition]!, { ...shared, nullifier: random.subarray(64 * i, 64 * i + 32), hash: random.subarray(64 * i + 32, 64 * i + 64), offset: at + i });
    }
  }
  return states;
}

async function rate(states: PartitionState[]): Promise<{ recordsPerSecond: number; recordsPerCpuSecond: number }> {
  const cpu = process.cpuUsage();
  const began = performance.now();
  for (let at = 0; at < messages.length; at += BATCH) {
    const findings = messages.slice(at, at + BATCH).map((message) => examine(message, basis, context));
    const pending = findings.flatMap((finding) => pendingProofs(states[finding.source.partition]!, [finding]));
    const holds = await verifier.verifyBatch(pending.map(({ job }) => job));
    const byCandidate = new Map(pending.map((candidate, i) => [candidate, holds[i]!]));
    for (const finding of findings) {
      const state = states[finding.source.partition]!;
      const judgement = decide(state, finding, (candidate) => byCandidate.get(candidate)!);
      if (judgement.verdict !== 'VERIFIED') throw new Error(judgement.verdict);
      states[finding.source.partition] = evolve(state, judgement);
    }
  }
  const { user, system } = process.cpuUsage(cpu);
  return { recordsPerSecond: Math.round((1000 * messages.length) / (performance.now() - began)), recordsPerCpuSecond: Math.round((1e6 * messages.length) / (user + system)) };
}

await rate(filled(0));
for (const window of windows) {
  const began = performance.now();
  const states = filled(window);
  const filledPerSecond = Math.round((1000 * window) / (performance.now() - began));
  process.stdout.write(`${JSON.stringify({ badPct: 0, partitions: SHARES, window, ...(await rate(states)), through: 'judge', filledPerSecond, peakMiB: peakMiB(process.pid) })}\n`);
}
await verifier.close();
