import { Interface, getBytes, keccak256 } from 'ethers';
import type { ChainBlock, ChainLog } from '#libs/events';
import { deviceRegistryContract, policyRegistryContract } from '../src/contracts.generated.js';
import type { Deployment } from '../src/index.js';

export const deployment: Deployment = {
  chainId: 31337,
  operator: '0x00000000000000000000000000000000000000A1',
  deviceRegistry: '0x00000000000000000000000000000000000000D1',
  policyRegistry: '0x00000000000000000000000000000000000000E1',
  checkpointAnchor: '0x00000000000000000000000000000000000000F1',
  firstBlock: 5,
  registryLagSeconds: 12,
};

const contracts = {
  deviceRegistry: new Interface(deviceRegistryContract.abi),
  policyRegistry: new Interface(policyRegistryContract.abi),
};

function log(contract: 'deviceRegistry' | 'policyRegistry', event: string, values: unknown[]): ChainLog {
  const { topics, data } = contracts[contract].encodeEventLog(event, values);
  return {
    address: Buffer.from(deployment[contract].slice(2), 'hex'),
    topics: topics.map((topic) => Buffer.from(getBytes(String(topic)))),
    data: Buffer.from(getBytes(data)),
    transactionHash: Buffer.alloc(32, 7),
    logIndex: 0,
  };
}

/** Leaf values that differ in the secret's hash alone. */
export const leafValues = (n: number) => ({ kind: 1n, Ax: 11n, Ay: 12n, secretHash: BigInt(1000 + n), program: 13n });

export const registered = (index: number, n = index): ChainLog => registeredLeaf(index, leafValues(n));
export const registeredLeaf = (index: number, { kind, Ax, Ay, secretHash, program }: ReturnType<typeof leafValues>): ChainLog =>
  log('deviceRegistry', 'LeafRegistered', [index, kind, Ax, Ay, secretHash, program, 1n, 2n, 3n]);
export const revoked = (index: number): ChainLog => log('deviceRegistry', 'LeafRevoked', [index]);
export const published = (version: number, document: string): ChainLog =>
  log('policyRegistry', 'ParameterSetPublished', [version, keccak256(Buffer.from(document)), Buffer.from(document)]);

/** Block `number` of a chain that makes one every 2 s from time 1,000,000 ms on; `fork` gives it other hashes. */
export function block(number: number, logs: ChainLog[] = [], { fork = 0, parentFork = fork }: { fork?: number; parentFork?: number } = {}): ChainBlock {
  return {
    chainId: deployment.chainId, number, hash: hashOf(number, fork), parentHash: hashOf(number - 1, parentFork),
    timestamp: timeOf(number), logs,
  };
}

export const timeOf = (number: number): number => 1_000_000 + 2000 * number;

function hashOf(number: number, fork: number): Buffer {
  const hash = Buffer.alloc(32, fork);
  hash.writeUInt32BE(number);
  return hash;
}
