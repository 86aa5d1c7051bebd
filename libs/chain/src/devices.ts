import { Interface } from 'ethers';
import { mulPointEscalar } from '@zk-kit/baby-jubjub';
import { AtsError } from '#libs/errors';
import { SUBGROUP_ORDER, isSensorPublicKey, verifyDigest, type LeafParameters, type SensorPublicKey, type SensorSignature } from '#libs/proofs';
import { deviceRegistryContract } from './contracts.generated.js';
import type { Deployment } from './deployment.js';
import { TransactionReverted, sendTransaction, type Receipt, type Sender } from './transactions.js';

const registry = new Interface(deviceRegistryContract.abi);

export interface RegisterDeviceParameters extends Sender {
  deployment: Pick<Deployment, 'deviceRegistry'>;
  leaf: LeafParameters;
  /** The sensor's signature over `leaf.secretHash`: the household holds the sensor, and the sensor knows its household. */
  signature: SensorSignature;
}

export interface RegisteredDevice { index: number; blockNumber: number; transactionHash: Buffer }

/**
 * Vouches for a sensor: checks its key and its signature, then registers the leaf. Mined, not yet final.
 * @throws AtsError ATS_REGISTRATION_REFUSED naming the evidence that is wrong, found here or by the contract; else as sendTransaction.
 */
export async function registerDevice({ rpcUrl, key, deployment, leaf, signature }: RegisterDeviceParameters): Promise<RegisteredDevice> {
  const { kind, Ax, Ay, secretHash, program } = leaf;
  if (!isSensorPublicKey(leaf)) throw refused(`(${Ax}, ${Ay}) is not a point of prime order on Baby Jubjub`);
  if (!verifyDigest(leaf, secretHash, signature)) throw refused('the signature over the hash of the secret does not hold');
  const [eighthX, eighthY] = eighthOf(leaf);
  const data = registry.encodeFunctionData('register', [{ kind, Ax, Ay, secretHash, program, eighthX, eighthY, ...signature }]);
  const receipt = await sendTransaction({ rpcUrl, key }, { to: deployment.deviceRegistry, data, contract: registry }).catch((error: unknown) => {
    throw error instanceof TransactionReverted ? refused(error.reason) : error;
  });
  return { index: indexOf(receipt), blockNumber: receipt.blockNumber, transactionHash: receipt.transactionHash };
}

/** Revokes a live leaf for good. Mined, not yet final. @throws AtsError as sendTransaction does. */
export async function revokeDevice({ rpcUrl, key, deployment, index }: Sender & { deployment: Pick<Deployment, 'deviceRegistry'>; index: number }): Promise<{ blockNumber: number; transactionHash: Buffer }> {
  const data = registry.encodeFunctionData('revoke', [index]);
  const { blockNumber, transactionHash } = await sendTransaction({ rpcUrl, key }, { to: deployment.deviceRegistry, data, contract: registry });
  return { blockNumber, transactionHash };
}

/** The point of prime order whose eightfold is the key: what shows the contract that the key has prime order too. */
export function eighthOf({ Ax, Ay }: SensorPublicKey): [x: bigint, y: bigint] {
  return mulPointEscalar([Ax, Ay], inverseOf8);
}

// The inverse of 8 modulo l is (1 + m l) / 8 for the m that makes it whole
const inverseOf8 = (1n + [1n, 3n, 5n, 7n].find((m) => (1n + m * SUBGROUP_ORDER) % 8n === 0n)! * SUBGROUP_ORDER) / 8n;

function indexOf({ logs }: Receipt): number {
  const event = logs.map((log) => registry.parseLog(log)).find((parsed) => parsed?.name === 'LeafRegistered');
  if (!event) throw new AtsError('ATS_CHAIN_RPC_INVALID', 'the receipt of a registration has no LeafRegistered');
  return Number(event.args.getValue('index'));
}

function refused(why: string): AtsError {
  return new AtsError('ATS_REGISTRATION_REFUSED', why);
}
