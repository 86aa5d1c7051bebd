/**
 * The deployment's contracts: reading them as pure projections of chain-events, and sending to them. Statements, verdicts and Kafka
 * live elsewhere.
 */
export type { Block } from './block-index.js';
export { readDeployment, writeDeployment, type Deployment } from './deployment.js';
export {
  RegistryProjection, type Membership, type PublishedParameters, type RegistryBlock, type RegistryTree,
} from './registry-projection.js';
