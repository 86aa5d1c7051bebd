import { Interface, hexlify } from 'ethers';
import type { ChainLog } from '#libs/events';
import { deviceRegistryContract, policyRegistryContract } from './contracts.generated.js';
import type { Deployment } from './deployment.js';

/** What the contracts of a deployment report, as the projection needs it. */
export type RegistryEvent =
  | { type: 'registered'; index: number; kind: bigint; Ax: bigint; Ay: bigint; secretHash: bigint; program: bigint }
  | { type: 'revoked'; index: number }
  | { type: 'published'; version: number; hash: Buffer; document: Buffer };

/** First topic of every event that the projection reads: what else the contracts report (roles granted) has no bound and no concern here. */
export const REGISTRY_TOPICS: readonly string[] = [
  new Interface(deviceRegistryContract.abi).getEvent('LeafRegistered'),
  new Interface(deviceRegistryContract.abi).getEvent('LeafRevoked'),
  new Interface(policyRegistryContract.abi).getEvent('ParameterSetPublished'),
].map((fragment) => fragment!.topicHash);

/** Reads logs of the deployment's two registries. */
export class RegistryEventReader {
  readonly #contracts: ReadonlyMap<string, Interface>;

  constructor(deployment: Pick<Deployment, 'deviceRegistry' | 'policyRegistry'>) {
    this.#contracts = new Map([
      [deployment.deviceRegistry.toLowerCase(), new Interface(deviceRegistryContract.abi)],
      [deployment.policyRegistry.toLowerCase(), new Interface(policyRegistryContract.abi)],
    ]);
  }

  /**
   * @returns the event; `undefined` for a log of another contract or of no concern (a role was granted); 'malformed' for bytes
   * that the contracts cannot have emitted.
   */
  read(log: ChainLog): RegistryEvent | 'malformed' | undefined {
    const contract = this.#contracts.get(hexlify(log.address));
    const topic = log.topics[0];
    if (!contract || !topic) return undefined;
    const fragment = contract.getEvent(hexlify(topic));
    if (!fragment) return undefined;
    try {
      return toEvent(fragment.name, contract.decodeEventLog(fragment, log.data, log.topics.map(hexlify)));
    } catch {
      return 'malformed'; // ethers throws on anything that is not the event's ABI encoding, and on reading a value out of its range
    }
  }
}

function toEvent(name: string, values: Record<string, unknown>): RegistryEvent | undefined {
  const field = (key: string): bigint => BigInt(String(values[key]));
  const bytes = (key: string): Buffer => Buffer.from(String(values[key]).slice(2), 'hex');
  switch (name) {
    case 'LeafRegistered':
      return {
        type: 'registered', index: Number(field('index')), kind: field('kind'), Ax: field('Ax'), Ay: field('Ay'),
        secretHash: field('secretHash'), program: field('program'),
      };
    case 'LeafRevoked':
      return { type: 'revoked', index: Number(field('index')) };
    case 'ParameterSetPublished':
      return { type: 'published', version: Number(field('version')), hash: bytes('hash'), document: bytes('document') };
    default:
      return undefined;
  }
}
