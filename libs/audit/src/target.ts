import { TOPICS } from '#libs/events';
import { openCheckpoint, type Checkpoint, type NoteVerifier } from '#libs/log';
import { SOURCE_TOPICS } from '#libs/verdict';
import type { OwnChain } from './own-chain.js';
import type { AuditTarget } from './state-file.js';
import type { ChainSource, LogSource, RecordSource } from './sources.js';

/** A log that is anchored while it is being fetched is fetched again this often. */
const ATTEMPTS = 3;

export interface FindTargetParameters {
  readonly identity: string;
  readonly log: LogSource;
  readonly verifier: NoteVerifier;
  readonly records: RecordSource | undefined;
  readonly source: ChainSource | undefined;
  readonly chain: OwnChain | undefined;
  readonly nowMs: number;
  readonly onBlock: (number: number, head: number) => void;
}

/**
 * What is to be compared with what. The order matters while everything grows: the checkpoint first, then the ends of the topics, which have what its
 * entries are about, then the chain, which has the blocks that those name. An anchor that is newer than the checkpoint has the checkpoint fetched again.
 * @throws AtsError of openCheckpoint for a note that is not the log's; of the sources
 */
export async function findTarget({ identity, log, verifier, records, source, chain, nowMs, onBlock }: FindTargetParameters): Promise<AuditTarget> {
  for (let attempt = 1; ; attempt++) {
    const note = await log.checkpoint();
    const { size }: Checkpoint = openCheckpoint(note, verifier);
    const ends = records === undefined ? [] : await endsOf(records);
    if (source !== undefined && chain !== undefined) await chain.advance(source, onBlock);
    const anchored = Math.max(0, ...chain?.anchors.map((anchor) => anchor.size) ?? []);
    if (anchored > size && attempt < ATTEMPTS) continue;
    const head = chain?.projection.head;
    return { identity, note, ends, chainHead: head === undefined ? null : { number: head.number, hash: head.hash }, nowMs };
  }
}

/** Partitions that a topic was given later count as well: whoever writes finds them, and the log has to. */
async function endsOf(records: RecordSource): Promise<AuditTarget['ends']> {
  const ends: { topic: string; partition: number; from: bigint; to: bigint }[] = [];
  for (const topic of [...SOURCE_TOPICS, 'audit-log'] as const) {
    const present = await records.partitions(topic);
    for (let partition = 0; partition < Math.max(present, TOPICS[topic].partitions); partition++) {
      ends.push({ topic, partition, ...(partition < present ? await records.bounds(topic, partition) : { from: 0n, to: 0n }) });
    }
  }
  return ends;
}
