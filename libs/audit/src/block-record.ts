import { hash } from 'node:crypto';
import type { ChainBlock, KafkaRecord } from '#libs/events';
import type { Failure, FailureCode } from './audit-report.js';
import { iso } from './failures.js';
import type { Findings } from './findings.js';
import type { OwnChain } from './own-chain.js';

/** The bytes in front of an Avro body: magic and schema id. */
const FRAME_BYTES = 5;

export interface BlockFailuresParameters {
  readonly chain: OwnChain | undefined;
  readonly clockToleranceMs: number;
  readonly findings: Pick<Findings, 'couldNotCheck'>;
}

/** A block in chain-events has to be the chain's, and cannot have been written before it was there. */
export function blockFailures(record: KafkaRecord, block: ChainBlock, leaf: number, { chain, clockToleranceMs, findings }: BlockFailuresParameters): Failure[] {
  if (chain === undefined || !chain.hasDigests) return [];
  const fail = (code: FailureCode, detail: string): Failure[] => [{ code, leaf, topic: record.topic, partition: record.partition, offset: Number(record.offset), detail }];
  const own = chain.digestOf(block.number);
  if (own === undefined) {
    if (block.number < (chain.projection.head?.number ?? -1)) return fail('CHAIN_EVENT', `block ${block.number} is none of this deployment`);
    findings.couldNotCheck('CHAIN_BEHIND', 'chain-events has blocks that the chain, as it was read, has not finalized');
    return [];
  }
  // Registries' logs alone make the body's bytes the ones that were hashed; other logs are taken away first.
  const same = own.equals(hash('sha256', record.value!.subarray(FRAME_BYTES), 'buffer')) || own.equals(chain.digestOfBlock(block));
  if (!same) return fail('CHAIN_EVENT', `block ${block.number} 0x${block.hash.toString('hex')} is not the chain's, or not with these logs`);
  if (record.timestamp < block.timestamp - clockToleranceMs) return fail('BROKER_TIME', `${iso(record.timestamp)}, before block ${block.number} of ${iso(block.timestamp)} was made`);
  return [];
}
