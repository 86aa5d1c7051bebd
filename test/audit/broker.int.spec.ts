import { join } from 'node:path';
import { audit, kafkaRecords, type AuditOptions } from '#libs/audit';
import { logIdOf } from '#libs/chain';
import { EventReader, partitionOf, type KafkaRecord, type OutgoingRecord } from '#libs/events';
import { formatCheckpoint, generateLogKey, noteSigner, signNote } from '#libs/log';
import { createSnarkjsVerifier } from '#libs/proofs';
import { LogReader } from '#libs/stream';
import { DEPLOYMENT } from '../support/gate-chain.js';
import { GateWorld } from '../support/gate-world.js';
import { anchorLog, hashOf, rootOf, tilesOf } from '../support/audit-world.js';

/** Real broker, real gate: what it wrote is what the audit finds. The log is made of its topic, the chain of its blocks. */

const ORIGIN = 'log.example/broker';
const key = generateLogKey(ORIGIN);
let world: GateWorld;

beforeAll(async () => { world = await GateWorld.start(); }, 180_000);
afterAll(() => world.stop());

/** Everything that was written, as an auditor gets it; `leaves` are the log's. */
async function options(leavesOf: (records: readonly KafkaRecord[]) => Buffer[] = (records) => records.map(({ value }) => value!)): Promise<AuditOptions> {
  const leaves = leavesOf((await world.events('audit-log')).map(({ record }) => record));
  const blocks = (await world.events('chain-events')).map(({ event }) => event);
  const logId = logIdOf(ORIGIN);
  blocks[0] = { ...blocks[0]!, logs: [...blocks[0]!.logs, anchorLog('LogOpened', [logId, ORIGIN, Buffer.alloc(32)], DEPLOYMENT.checkpointAnchor)] };
  const head = blocks.at(-1)!;
  blocks.push({
    ...head, number: head.number + 1, hash: hashOf(head.number + 1), parentHash: head.hash, timestamp: Date.now(),
    logs: [anchorLog('Anchored', [logId, leaves.length, rootOf(leaves)], DEPLOYMENT.checkpointAnchor)],
  });
  const note = signNote(formatCheckpoint({ origin: ORIGIN, size: leaves.length, root: rootOf(leaves) }), [noteSigner(key.privateKey)]);
  return {
    deployment: DEPLOYMENT, vkey: key.vkey, log: { checkpoint: async () => note, tiles: tilesOf(leaves) },
    records: kafkaRecords(new LogReader(world.client, { patienceMs: 30_000 })),
    chain: { deployment: DEPLOYMENT, head: async () => ({ number: blocks.length - 1, hash: blocks.at(-1)!.hash }), read: async (from, to) => blocks.slice(from, to + 1) },
    events: new EventReader(world.registry.url), verifier: { name: 'snarkjs', create: createSnarkjsVerifier }, threads: 1, circuitsFolder: join(world.dir, 'circuits'),
  };
}

async function run(given: AuditOptions) {
  try {
    return await audit(given);
  } finally {
    await given.records!.close();
  }
}

/** A record that a transaction took back: it has an offset, and nobody reads it. */
async function abortedTransaction({ key: of, value }: OutgoingRecord) {
  const producer = world.client.role('aborter').producer({ transactionalId: 'aborter', maxInFlightRequests: 1, idempotent: true });
  await producer.connect();
  const transaction = await producer.transaction();
  const partition = partitionOf(of!, 4);
  const [sent] = await transaction.send({ topic: 'telemetry', messages: [{ key: of, value, partition }] });
  await transaction.abort();
  await producer.disconnect();
  return { partition, offset: BigInt(sent!.baseOffset!) };
}

it('what a real gate has logged holds, markers and aborted batches aside, and one entry less does not', async () => {
  const aborted = await abortedTransaction(world.message({ household: 4 }));
  const good = [1, 2, 3, 4].map((household) => world.message({ household }));
  const bad = world.message({ household: 5 });
  good[0]!.value.copy(bad.value, bad.value.length - 256, good[0]!.value.length - 256);
  const sent = await world.send(...good, bad, { topic: 'telemetry', partition: 2, key: null, value: Buffer.from('garbage'), headers: {} });
  await world.verdicts(sent);
  await world.chain.pause();
  try {
    const report = await run(await options());
    expect(report).toMatchObject({ outcome: 'holds', verdicts: { VERIFIED: 4, PROOF_INVALID: 1, MALFORMED: 1 }, proofsVerified: 5, unanchored: 0 });
    expect(report.verdictsByTopic['telemetry']).toEqual({ VERIFIED: 4, PROOF_INVALID: 1, MALFORMED: 1 });

    const dropped = await run(await options((records) => {
      const leaf = records.findIndex(({ key: place }) => place!.toString() === `chain-events/0/5`);
      return records.map(({ value }) => value!).toSpliced(leaf, 1);
    }));
    expect(dropped.failuresByCode).toEqual({ RECORD_WITHOUT_ENTRY: 1, ENTRY_NOT_IN_TOPIC: 1 });
    expect(dropped.failures.find(({ code }) => code === 'RECORD_WITHOUT_ENTRY')).toMatchObject({ topic: 'chain-events', partition: 0, offset: 5 });
  } finally {
    world.chain.resume();
  }
  expect(sent.some(({ partition, offset }) => partition === aborted.partition && offset > aborted.offset)).toBe(true);
}, 240_000);
