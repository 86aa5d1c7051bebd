import { recordHash, TOPICS, type EventCodec, type EventOf, type KafkaRecord } from '#libs/events';
import { LogReader, type KafkaClient } from '#libs/stream';
import type { Verdict } from '#libs/verdict';

const SOURCES = ['telemetry', 'bci-intent', 'chain-events'] as const;
type SourceTopic = (typeof SOURCES)[number];

/** Where each source partition ended when the count began: who counts later up to here must find the same. */
export type Ends = Record<SourceTopic, bigint[]>;

/** A source record and everything that the log says about it. */
export interface Account {
  readonly topic: SourceTopic;
  readonly record: KafkaRecord;
  readonly entries: EventOf<'audit-log'>[];
  /** Verified events of it, by their topic. */
  readonly verified: (EventOf<'telemetry.verified'> | EventOf<'bci-intent.verified'>)[];
  readonly rejected: EventOf<'rejected'>[];
}

/** Every source record up to `ends`, held against audit log, verified and rejected topics, read from their beginnings. */
export interface Recount {
  readonly ends: Ends;
  readonly accounts: readonly Account[];
  /** What contradicts the rule "one source record, one entry, one outcome": empty when the rule holds. */
  readonly faults: readonly string[];
}

/** Where the source partitions end now. */
export async function sourceEnds(kafka: KafkaClient): Promise<Ends> {
  const reader = new LogReader(kafka);
  try {
    const ends = await Promise.all(SOURCES.map(async (topic) => [topic, await Promise.all(partitionsOf(topic).map((partition) => reader.highWatermark(topic, partition)))] as const));
    return Object.fromEntries(ends) as Ends;
  } finally {
    await reader.close();
  }
}

/** Reads the whole log and accounts for every source record before `ends`. Nothing of the apps' own counting is used. */
export async function recount(kafka: KafkaClient, codec: EventCodec, ends: Ends): Promise<Recount> {
  const reader = new LogReader(kafka);
  const faults: string[] = [];
  const accounts = new Map<string, Account>();
  const find = (source: Source, what: string): Account | undefined => {
    const account = accounts.get(keyOf(source));
    const end = ends[source.topic as SourceTopic]?.[source.partition];
    if (!account && (end === undefined || BigInt(source.offset) < end)) faults.push(`${what} is about ${keyOf(source)}, which is not in the log`);
    return account;
  };
  try {
    for (const topic of SOURCES) {
      for (const partition of partitionsOf(topic)) {
        for await (const record of reader.read(topic, partition, await reader.earliest(topic, partition), ends[topic][partition]!)) {
          accounts.set(keyOf({ ...record, offset: Number(record.offset) }), { topic, record, entries: [], verified: [], rejected: [] });
        }
      }
    }
    for await (const record of stable(reader, 'audit-log', 0)) {
      const entry = codec.decode('audit-log', record.value!);
      find(entry, 'an audit entry')?.entries.push(entry);
    }
    for (const topic of ['telemetry.verified', 'bci-intent.verified'] as const) {
      for (const partition of partitionsOf(topic)) {
        for await (const record of stable(reader, topic, partition)) {
          const event = codec.decode(topic, record.value!);
          find(event.source, 'a verified event')?.verified.push(event);
        }
      }
    }
    for (const partition of partitionsOf('rejected')) {
      for await (const record of stable(reader, 'rejected', partition)) {
        const event = codec.decode('rejected', record.value!);
        find(event.source, 'a rejection')?.rejected.push(event);
      }
    }
  } finally {
    await reader.close();
  }
  for (const account of accounts.values()) faults.push(...faultsOf(account));
  return { ends, accounts: [...accounts.values()], faults };
}

/** What contradicts the rule for one record. */
export function faultsOf({ record, entries, verified, rejected }: Account): string[] {
  const at = keyOf({ ...record, offset: Number(record.offset) });
  const [entry] = entries;
  if (!entry || entries.length > 1) return [`${at} has ${entries.length} audit entries`];
  const wanted: Record<'verified' | 'rejected', number> = {
    verified: entry.verdict === 'VERIFIED' ? 1 : 0,
    rejected: entry.verdict === 'VERIFIED' || entry.verdict === 'RECORDED' ? 0 : 1,
  };
  return [
    ...(entry.hash.equals(recordHash(record)) ? [] : [`the audit entry of ${at} has another hash than the record`]),
    ...(entry.timestamp === record.timestamp ? [] : [`the audit entry of ${at} has another time than the record`]),
    ...(verified.length === wanted.verified ? [] : [`${at} is ${entry.verdict} and has ${verified.length} verified events`]),
    ...(rejected.length === wanted.rejected ? [] : [`${at} is ${entry.verdict} and has ${rejected.length} rejections`]),
    ...(rejected.every(({ reason }) => reason === entry.verdict) ? [] : [`${at} is ${entry.verdict} in the audit log and ${rejected[0]?.reason} in rejected`]),
  ];
}

/** `{produced, verified, rejected: {REASON: n}}` of one topic, from the events; the audit entries were held against them before. */
export function totalsOf({ accounts }: Recount, topic: SourceTopic): { produced: number; verified: number; rejected: Record<string, number> } {
  const own = accounts.filter((account) => account.topic === topic);
  const rejected: Record<string, number> = {};
  for (const { reason } of own.flatMap((account) => account.rejected)) rejected[reason] = (rejected[reason] ?? 0) + 1;
  return { produced: own.length, verified: own.filter(({ verified }) => verified.length > 0).length, rejected };
}

/** What the log decided about a record; undefined while it has not. */
export function verdictAt({ accounts }: Recount, at: { topic: string; partition: number; offset: bigint }): { verdict: Verdict; duplicateOf: number | null } | undefined {
  const account = accounts.find(({ topic, record }) => topic === at.topic && record.partition === at.partition && record.offset === at.offset);
  const entry = account?.entries[0];
  return entry && { verdict: entry.verdict, duplicateOf: account.rejected[0]?.duplicateOf ?? null };
}

interface Source {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

function keyOf({ topic, partition, offset }: Source): string {
  return `${topic}/${partition}/${offset}`;
}

/** What is committed now, from the beginning. Open transactions are about records that come later. */
async function* stable(reader: LogReader, topic: keyof typeof TOPICS, partition: number): AsyncGenerator<KafkaRecord> {
  yield* reader.read(topic, partition, await reader.earliest(topic, partition), await reader.lastStable(topic, partition));
}

function partitionsOf(topic: keyof typeof TOPICS): number[] {
  return Array.from({ length: TOPICS[topic].partitions }, (_, partition) => partition);
}
