import type { BlockId, Deployment } from '#libs/chain';
import type { ChainBlock, KafkaRecord } from '#libs/events';
import type { TileSource } from '#libs/log';

/** Committed records of the source topics and of audit-log: a broker's or an archive's. */
export interface RecordSource {
  /** How many partitions the topic really has, whatever it was made with: a topic can be given more. 0 of one that is absent. */
  partitions(topic: string): Promise<number>;
  /** The oldest offset and the one after the newest; a topic that is absent has 0 and 0. */
  bounds(topic: string, partition: number): Promise<{ from: bigint; to: bigint }>;
  /** Every committed record in [from, to), in offset order. Control records and aborted records are absent: offsets have gaps. */
  read(topic: string, partition: number, from: bigint, to: bigint): AsyncIterable<KafkaRecord>;
  close(): Promise<void>;
}

/** A published log, by HTTP or in a folder. Nothing of it is believed before it is checked. */
export interface LogSource {
  /** Bytes of the checkpoint's signed note. */
  checkpoint(): Promise<Buffer>;
  readonly tiles: TileSource;
}

/** The auditor's own chain: finalized blocks, with the logs of the deployment's three contracts. */
export interface ChainSource {
  readonly deployment: Deployment;
  head(): Promise<BlockId>;
  /** Blocks from `from` to `to`, both included; `to` is at most the head. */
  read(from: number, to: number): Promise<ChainBlock[]>;
}
