/** Statements and their proofs: hashes, the registry's tree, sensor signatures, references of the circuits, prover and verifier. Which proof is accepted when is libs/verdict's. */
export * from './batch-verifier.js';
export { BASE_MODULUS } from './bn254.js';
export { CIRCUITS_FOLDER, loadCircuit, loadVerificationKey, type Circuit, type VerificationKey } from './circuit.js';
export { chooseEngine, ENGINE_CHOICES, type EngineChoice, type ProofEngine } from './engine.js';
export {
  commitmentOf, deploymentScope, DOMAIN, hashFields, KIND, leafHash, nodeHash, nullifierOf, pseudonymOf, readingsDigest, secretHash, type LeafParameters,
} from './hashes.js';
export { MerkleTree, rootOfPath, TREE_DEPTH, type MerklePath } from './merkle-tree.js';
export { loadNative, type LoadedNative } from './native-addon.js';
export { createNativeProver, type CreateNativeProverParameters } from './native-prover.js';
export { createNativeVerifier, type CreateNativeVerifierParameters } from './native-verifier.js';
export { decodeProof, encodeProof, type SnarkjsProof } from './proof-codec.js';
export {
  generateSensorKey, isSensorPublicKey, sensorPublicKey, signDigest, SUBGROUP_ORDER, verifyDigest, type SensorPublicKey, type SensorSignature,
} from './sensor-key.js';
export {
  COUNT_LIMIT, evaluateTelemetry, healthState, READING_LIMIT, STATE, TELEMETRY_SIGNALS, telemetryPublicSignals, WINDOW_READINGS,
  type TelemetryInput, type TelemetryPolicy, type TelemetryPublics,
} from './telemetry.js';
export { createNobleVerifier } from './noble-verifier.js';
export { createSnarkjsProver, type CreateSnarkjsProverParameters } from './snarkjs-prover.js';
export { createSnarkjsVerifier, type CreateSnarkjsVerifierParameters } from './snarkjs-verifier.js';
export { Verifiers, type KeyedProof, type KeyInForce, type VerifierFactory } from './verifiers.js';
