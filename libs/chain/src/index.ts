/**
 * The deployment's contracts: reading them as pure projections of chain-events, and sending to them. Statements, verdicts and Kafka
 * live elsewhere.
 */
export type { Block } from './block-index.js';
export { deployContracts, type DeployParameters } from './deploy.js';
export { readDeployment, writeDeployment, type Deployment } from './deployment.js';
export { registerDevice, revokeDevice, type RegisterDeviceParameters, type RegisteredDevice } from './devices.js';
export { FinalizedChain, type BlockId } from './finalized-chain.js';
export { bloomHas } from './bloom.js';
export { JsonRpc, RpcRefusal, bigQuantity, hexBytes, quantity, type RpcCall } from './json-rpc.js';
export { parameterSetHash, publishParameterSet, type PublishParameters, type PublishedVersion } from './parameter-sets.js';
export {
  RegistryProjection, type Membership, type PublishedParameters, type RegistryBlock, type RegistryTree,
} from './registry-projection.js';
export { addressOf, type Sender } from './transactions.js';
