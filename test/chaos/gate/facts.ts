/** Reads what a run has left: the topics from their beginnings at read_committed, the served log, Icinga2 by its API, the audit's report. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { anchorEvents, finalizedHead, JsonRpc, logIdOf } from '#libs/chain';
import { recordHash, TOPICS, type KafkaRecord, type TopicName } from '#libs/events';
import { consistencyProof, decodeEntryBundle, DirectoryTiles, leafHash, noteVerifier, openCheckpoint, parseVkey, TILE_WIDTH } from '#libs/log';
import { SOURCE_TOPICS } from '#libs/verdict';
import type { AuditRecord, Facts, Place, RejectedRecord, SourceRecord, VerifiedRecord } from './judge.js';
import type { ChaosWorld } from './world.js';

/** Where the source partitions of messages ended at some time: what lies before is left out. */
export type Since = ReadonlyMap<string, bigint>;

type TopicFacts = Pick<Facts, 'source' | 'audit' | 'verified' | 'rejected'>;

/** What the topics say of all source records, or of those after `since` alone. */
export async function topicFacts(world: ChaosWorld, since?: Since): Promise<TopicFacts> {
  const { codec } = world.simulated;
  const isOf = ({ topic, partition, offset }: Place) => since === undefined || BigInt(offset) >= (since.get(`${topic}/${partition}`) ?? 2n ** 62n);
  const source: SourceRecord[] = [];
  for (const topic of SOURCE_TOPICS) {
    for await (const record of all(world, topic)) {
      const at = { topic, partition: record.partition, offset: Number(record.offset) };
      if (isOf(at)) source.push({ ...at, hash: recordHash(record).toString('hex') });
    }
  }
  const audit: AuditRecord[] = [];
  for await (const { value } of all(world, 'audit-log')) {
    const entry = codec.decode('audit-log', value!);
    const of = { topic: entry.topic, partition: entry.partition, offset: entry.offset };
    if (isOf(of)) audit.push({ of, hash: entry.hash.toString('hex'), verdict: entry.verdict, leaf: leafHash(value!).toString('hex') });
  }
  const verified: VerifiedRecord[] = [];
  for await (const { value } of all(world, 'telemetry.verified')) {
    const { source: { topic, partition, offset, hash }, pseudonym, stream, epoch, state } = codec.decode('telemetry.verified', value!);
    const of = { topic, partition, offset };
    if (isOf(of)) verified.push({ of, hash: hash.toString('hex'), host: pseudonym.toString('hex'), service: stream, epoch, state });
  }
  const rejected: RejectedRecord[] = [];
  for await (const { value } of all(world, 'rejected')) {
    const { source: { topic, partition, offset }, reason, duplicateOf } = codec.decode('rejected', value!);
    const of = { topic, partition, offset };
    if (isOf(of)) rejected.push({ of, reason, duplicateOf });
  }
  return { source, audit, verified, rejected };
}

async function* all({ reader }: ChaosWorld, topic: TopicName): AsyncGenerator<KafkaRecord> {
  for (let partition = 0; partition < TOPICS[topic].partitions; partition++) yield* reader.readAll(topic, partition, await reader.earliest(topic, partition));
}

/** Where messages and blocks go on from now. */
export async function sourceEnds({ reader }: ChaosWorld): Promise<Map<string, bigint>> {
  const ends = new Map<string, bigint>();
  for (const topic of SOURCE_TOPICS) {
    for (let partition = 0; partition < TOPICS[topic].partitions; partition++) ends.set(`${topic}/${partition}`, await reader.highWatermark(topic, partition));
  }
  return ends;
}

export async function icingaFacts({ viewer }: ChaosWorld): Promise<NonNullable<Facts['icinga']>> {
  return (await viewer.services()).map(({ host, service, state, performanceData }) => {
    const epoch = performanceData.map((text) => /^epoch=(\d+)/.exec(text)?.[1]).find((text) => text !== undefined);
    return { host, service, state, epoch: epoch === undefined ? null : Number(epoch) };
  });
}

/** The log as it is served, with every head that the witness has seen or that stands on the chain. */
export async function logFacts(world: ChaosWorld): Promise<NonNullable<Facts['log']>> {
  const { layout, witness } = world;
  const vkey = readFileSync(layout.logVkeyFile, 'utf8').trim();
  const dir = join(layout.logDir, 'public');
  const tiles = new DirectoryTiles(dir);
  const published = openCheckpoint(readFileSync(join(dir, 'checkpoint')), noteVerifier(vkey));
  const leaves: string[] = [];
  for (let index = 0; index * TILE_WIDTH < published.size; index++) {
    const width = Math.min(TILE_WIDTH, published.size - index * TILE_WIDTH);
    for (const entry of decodeEntryBundle(await tiles.entries(index, width), width)) leaves.push(leafHash(entry).toString('hex'));
  }
  const heads = [...witness.signed, ...(await anchoredHeads(world, parseVkey(vkey).name))];
  const checkpoints = await Promise.all(heads.map(async ({ size, root }) => ({
    size, root: root.toString('hex'), proof: size > 0 && size < published.size ? (await consistencyProof(size, published.size, tiles)).map((hash) => hash.toString('hex')) : [],
  })));
  return { leaves, published: { size: published.size, root: published.root.toString('hex') }, checkpoints };
}

export async function anchoredHeads({ rpcUrl, deployment }: ChaosWorld, origin: string): Promise<{ size: number; root: Buffer }[]> {
  const rpc = new JsonRpc(rpcUrl);
  const { number: toBlock } = await finalizedHead(rpc, deployment);
  const logId = logIdOf(origin);
  const events = await anchorEvents({ rpc, deployment, fromBlock: deployment.firstBlock, toBlock });
  return events.flatMap((event) => (event.type === 'anchored' && event.logId.equals(logId) ? [{ size: event.size, root: event.root }] : []));
}

const auditReport = z.object({ ok: z.boolean(), entries: z.number(), failures: z.array(z.object({ code: z.string(), detail: z.string() })), unchecked: z.array(z.object({ code: z.string(), detail: z.string() })) });

/** `attestream audit` over everything, as anybody runs it. */
export async function auditFacts(world: ChaosWorld, verifier: string): Promise<NonNullable<Facts['audited']>> {
  const { layout } = world;
  const json = join(world.dir, 'audit.json');
  const flags = {
    log: join(layout.logDir, 'public'), vkey: layout.logVkeyFile, rpc: world.rpcUrl, deployment: layout.deploymentFile, brokers: world.brokers.addresses.join(','),
    registry: world.registryUrl, circuits: world.circuits, verifier, json,
  };
  const args = [join(world.build, 'apps/cli/src/main.js'), 'audit', ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value])];
  const { code, said } = await new Promise<{ code: number; said: string }>((resolve) => {
    execFile(process.execPath, args, { env: { ...process.env, NODE_OPTIONS: '' }, maxBuffer: 2 ** 24 }, (error, stdout, stderr) => resolve({ code: error ? Number(error.code) || 1 : 0, said: `${stdout}${stderr}` }));
  });
  if (!existsSync(json)) return { ok: false, entries: 0, detail: said.slice(-500) };
  const parsed = auditReport.safeParse(JSON.parse(readFileSync(json, 'utf8')));
  if (!parsed.success) return { ok: false, entries: 0, detail: said.slice(-500) };
  const { ok, entries, failures, unchecked } = parsed.data;
  return { ok: ok && code === 0, entries, detail: [...failures, ...unchecked].slice(0, 3).map(({ code: of, detail }) => `${of}: ${detail}`).join('; ') };
}
