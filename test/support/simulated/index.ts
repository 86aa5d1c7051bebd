/** Messages by the ten thousand with proofs that a known trapdoor simulates. Keys made here count for no parameter set but those made here. */
export { BAD_KIND_NAMES, BAD_KINDS, badMessage, type BadKind, type BadKindName } from './bad.js';
export { writeThrowawayCircuits, type ThrowawayCircuits } from './circuits.js';
export { deployForSimulation, putOnChain, putOnMadeUpChain, type DeployForSimulationParameters } from './on-chain.js';
export { simulateProof, type CircuitTrapdoor, type Trapdoor } from './trapdoor.js';
export { SimulatedWorld, type Said, type SimulatedWorldParameters } from './world.js';
