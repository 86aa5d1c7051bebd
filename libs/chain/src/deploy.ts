import { Interface, getAddress } from 'ethers';
import { z } from 'zod';
import { AtsError } from '#libs/errors';
import { checkpointAnchorContract, deviceRegistryContract, policyRegistryContract } from './contracts.generated.js';
import type { Deployment } from './deployment.js';
import { JsonRpc, quantity } from './json-rpc.js';
import { addressOf, sendTransaction, type Sender } from './transactions.js';

export interface DeployParameters extends Sender {
  /** D, in seconds: longer than the chain takes to finalize. Fixed for the deployment's life. */
  registryLagSeconds: number;
}

/**
 * Deploys the contracts; the sender becomes the operator, with every role. No log is opened.
 * `firstBlock` is the block after the one finalized before anything was sent: it can neither change nor come after the contracts,
 * even when a reorganisation moves them.
 * @throws AtsError as {@link sendTransaction} does.
 */
export async function deployContracts({ rpcUrl, key, registryLagSeconds }: DeployParameters): Promise<Deployment> {
  const sender = { rpcUrl, key };
  const operator = addressOf(key);
  const rpc = new JsonRpc(rpcUrl);
  const chainId = await rpc.call('eth_chainId', [], quantity);
  const finalized = await rpc.call('eth_getBlockByNumber', ['finalized', false], z.object({ number: quantity }));
  const [deviceRegistry, policyRegistry, checkpointAnchor] = await Promise.all([
    deploy(sender, deviceRegistryContract, [operator]),
    deploy(sender, policyRegistryContract, [operator, registryLagSeconds]),
    deploy(sender, checkpointAnchorContract, [operator]),
  ]);
  return { chainId, operator, deviceRegistry, policyRegistry, checkpointAnchor, firstBlock: finalized.number + 1, registryLagSeconds };
}

async function deploy(sender: Sender, { abi, bytecode }: { abi: readonly object[]; bytecode: string }, args: readonly unknown[]): Promise<string> {
  const contract = new Interface(abi);
  const receipt = await sendTransaction(sender, { data: bytecode + contract.encodeDeploy(args).slice(2), contract });
  if (!receipt.contractAddress) throw new AtsError('ATS_CHAIN_RPC_INVALID', `${new JsonRpc(sender.rpcUrl).endpoint}: the receipt of a deployment names no contract`);
  return getAddress(receipt.contractAddress);
}
