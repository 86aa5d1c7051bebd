import type { Failure, FailureCode } from './audit-report.js';
import type { AuditEntry } from './entry.js';
import type { Expected } from './lane.js';
import type { OwnChain } from './own-chain.js';

/**
 * What an entry says otherwise than the record and the rules.
 * @param brief without a search for the block that a wrong hash may be of: it costs a look at every block
 */
export function comparison(leaf: number, entry: AuditEntry, expected: Expected, chain: OwnChain | undefined, brief: boolean): Failure[] {
  const { topic, partition, offset } = entry;
  const failures: Failure[] = [];
  const fail = (code: FailureCode, detail: string) => { failures.push({ code, leaf, topic, partition, offset, detail }); };
  if (!entry.hash.equals(expected.hash)) fail('ENTRY_HASH', `${hex(entry.hash)}, the record hashes to ${hex(expected.hash)}`);
  if (entry.timestamp !== expected.timestamp) fail('ENTRY_TIME', `${entry.timestamp} ms, the record has ${expected.timestamp} ms`);
  if (expected.verdict === null) return failures;
  if (entry.verdict !== expected.verdict) {
    const proof = entry.verdict === 'VERIFIED' && expected.verdict === 'PROOF_INVALID';
    fail(proof ? 'PROOF_INVALID' : 'VERDICT_WRONG', `${entry.verdict} is logged, the rules give ${expected.verdict}`);
  }
  if (entry.parameterVersion !== expected.parameterVersion) fail('PARAMETER_VERSION', `version ${entry.parameterVersion} is logged, version ${expected.parameterVersion} was in force`);
  const { registryBlock } = expected;
  if (registryBlock === null ? entry.registryBlock !== null : !entry.registryBlock?.equals(registryBlock.hash)) {
    const rule = registryBlock === null ? 'none' : `block ${registryBlock.number} ${hex(registryBlock.hash)}`;
    const named = entry.registryBlock === null ? null : brief ? undefined : chain?.numberOf(entry.registryBlock);
    if (named === undefined) fail('REGISTRY_BLOCK_UNKNOWN', `${hex(entry.registryBlock!)} is no block of the chain; the rule gives ${rule}`);
    else if (named === null || (registryBlock !== null && named < registryBlock.number)) fail('REGISTRY_BLOCK_OLD', `${named === null ? 'none' : `block ${named}`}; the rule gives ${rule}`);
    else fail('REGISTRY_BLOCK_FUTURE', `block ${named}; the rule gives ${rule}`);
  }
  return failures;
}

function hex(hash: Buffer): string {
  return `0x${hash.toString('hex')}`;
}
