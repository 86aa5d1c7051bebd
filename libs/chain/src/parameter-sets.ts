import { Interface, keccak256 } from 'ethers';
import { AtsError } from '#libs/errors';
import { policyRegistryContract } from './contracts.generated.js';
import type { Deployment } from './deployment.js';
import { sendTransaction, type Sender } from './transactions.js';

const registry = new Interface(policyRegistryContract.abi);

export interface PublishParameters extends Sender {
  deployment: Pick<Deployment, 'policyRegistry'>;
  /** The exact bytes that everyone will hash and parse; at most 65,536. */
  document: Uint8Array;
}

export interface PublishedVersion { version: number; hash: Buffer; blockNumber: number; transactionHash: Buffer }

/** keccak256 of a parameter set's bytes: its name on chain. */
export function parameterSetHash(document: Uint8Array): Buffer {
  return Buffer.from(keccak256(document).slice(2), 'hex');
}

/** Publishes the next parameter set. In force from its block on; mined, not yet final. @throws AtsError as sendTransaction does. */
export async function publishParameterSet({ rpcUrl, key, deployment, document }: PublishParameters): Promise<PublishedVersion> {
  const data = registry.encodeFunctionData('publish', [document]);
  const { logs, blockNumber, transactionHash } = await sendTransaction({ rpcUrl, key }, { to: deployment.policyRegistry, data, contract: registry });
  const event = logs.map((log) => registry.parseLog(log)).find((parsed) => parsed?.name === 'ParameterSetPublished');
  if (!event) throw new AtsError('ATS_CHAIN_RPC_INVALID', 'the receipt of a publication has no ParameterSetPublished');
  return { version: Number(event.args.getValue('version')), hash: parameterSetHash(document), blockNumber, transactionHash };
}
