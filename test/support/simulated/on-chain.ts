import { z } from 'zod';
import { addressOf, deployContracts, JsonRpc, publishParameterSet, registerDevice, revokeDevice, writeDeployment, type Deployment, type Sender } from '#libs/chain';
import { telemetryLeaf } from '#libs/edge';
import { leafHash, MerkleTree, secretHash, sensorPublicKey, signDigest } from '#libs/proofs';
import type { MadeUpChain } from '../gate-chain.js';
import type { SimulatedWorld } from './world.js';

/** Leaves that stay; one more is registered and revoked. */
const LEAVES = 2;
const FUNDS_WEI = '0x56bc75e2d63100000';

export interface DeployForSimulationParameters extends Sender {
  registryLagSeconds: number;
  /** Where deployment.json is written. */
  file: string;
}

/** Contracts on a local anvil, by an account that gets its ether here. */
export async function deployForSimulation({ rpcUrl, key, registryLagSeconds, file }: DeployForSimulationParameters): Promise<Deployment> {
  await new JsonRpc(rpcUrl).call('anvil_setBalance', [addressOf(key), FUNDS_WEI], z.unknown());
  const deployment = await deployContracts({ rpcUrl, key, registryLagSeconds });
  writeDeployment(file, deployment);
  return deployment;
}

/**
 * Publishes the world's parameter set and registers its first households' sensors, one of them revoked again, through the real contracts.
 * Resolves with the broker time from which on records are judged by all of it: the last block's time, D, and the grace of a revoked root.
 */
export async function putOnChain(world: SimulatedWorld, sender: Sender & { deployment: Deployment }): Promise<{ inForceMs: number }> {
  const tree = new MerkleTree();
  const register = async (household: number) => {
    const key = world.bytes(`sensor ${household}`, 32);
    const hidden = secretHash(world.secretOf(household));
    const leaf = telemetryLeaf({ publicKey: sensorPublicKey(key), secretHash: hidden }, world.parameterSet().policies[0]!.family);
    await registerDevice({ ...sender, leaf, signature: signDigest(key, hidden) });
    return tree.append(leafHash(leaf));
  };
  await publishParameterSet({ ...sender, document: world.document() });
  for (let household = 0; household < LEAVES; household++) await register(household);
  world.root = tree.root;
  const index = await register(LEAVES);
  world.revokedRoot = tree.root;
  const { blockNumber } = await revokeDevice({ ...sender, index });
  const { timestamp } = await new JsonRpc(sender.rpcUrl).call('eth_getBlockByNumber', [`0x${blockNumber.toString(16)}`, false], z.object({ timestamp: z.string() }));
  const seconds = Number(timestamp) + sender.deployment.registryLagSeconds + world.parameterSet().revokedRootGraceSeconds + 1;
  return { inForceMs: 1000 * seconds };
}

/** The same into chain-events without a chain. Resolves when records are judged by all of it. */
export async function putOnMadeUpChain(world: SimulatedWorld, chain: MadeUpChain): Promise<void> {
  await chain.publish((version) => world.parameterSet(version));
  world.root = await chain.register();
  const revoked = 1;
  world.revokedRoot = await chain.register();
  await chain.revoke(revoked);
  await new Promise((resolve) => setTimeout(resolve, 1000 * (world.parameterSet().revokedRootGraceSeconds + 1)));
  await chain.settle();
}
