/**
 * The deployment's contracts: reading them as pure projections of chain-events or from finalized blocks, and sending to them. Statements,
 * verdicts, the log's own formats and Kafka live elsewhere.
 */
export { anchorEvents, decodeAnchorLog, type AnchorEvent, type AnchorEventsParameters } from './anchor-events.js';
export { bloomHas } from './bloom.js';
export type { Block } from './block-index.js';
export { finalizedHead } from './block-logs.js';
export {
  ANCHOR_ROLE, anchorCallData, anchoredHead, grantAnchorRole, logIdOf, logStatus, openLog, supersedeLog,
  type BlockRef, type LogStatus, type OpenLogParameters, type OpenedLog, type ReadLogParameters, type SupersedeLogParameters,
} from './checkpoint-anchor.js';
export { checkpointAnchorContract } from './contracts.generated.js';
export { deployContracts, type DeployParameters } from './deploy.js';
export { readDeployment, writeDeployment, type Deployment } from './deployment.js';
export { registerDevice, revokeDevice, type RegisterDeviceParameters, type RegisteredDevice } from './devices.js';
export { FinalizedChain, type BlockId } from './finalized-chain.js';
export { JsonRpc, RpcRefusal, bigQuantity, hexBytes, quantity, type RpcCall } from './json-rpc.js';
export { parameterSetHash, publishParameterSet, type PublishParameters, type PublishedVersion } from './parameter-sets.js';
export {
  RegistryProjection, type Membership, type PublishedParameters, type RegistryBlock, type RegistryTree,
} from './registry-projection.js';
export { REGISTRY_TOPICS } from './registry-events.js';
export { TransactionReverted, addressOf, type Sender } from './transactions.js';
