import type { Prover } from './batch-verifier.js';
import { loadNative, requireNative } from './native-addon.js';
import { createNativeProver } from './native-prover.js';
import { createNativeVerifier } from './native-verifier.js';
import { createSnarkjsProver } from './snarkjs-prover.js';
import { createSnarkjsVerifier } from './snarkjs-verifier.js';
import type { VerifierFactory } from './verifiers.js';

/** What a setting may ask for; auto takes native/ where it is built, and snarkjs elsewhere. Verdicts do not depend on it. */
export const ENGINE_CHOICES = ['auto', 'native', 'snarkjs'] as const;
export type EngineChoice = (typeof ENGINE_CHOICES)[number];

/** An implementation of verifier and prover. */
export interface ProofEngine {
  readonly name: 'native' | 'snarkjs';
  /** Why it is not the faster one, when nobody asked for the slower. */
  readonly because: string | null;
  readonly createVerifier: VerifierFactory;
  createProver(parameters: { threads: number; folder?: string }): Prover;
}

/** @throws AtsError ATS_NATIVE_MISSING when native/ alone is asked for and is not here */
export function chooseEngine(choice: EngineChoice): ProofEngine {
  if (choice === 'native') requireNative();
  const missing = choice === 'snarkjs' ? null : loadNative().missing;
  return choice === 'snarkjs' || missing !== null
    ? { name: 'snarkjs', because: missing, createVerifier: createSnarkjsVerifier, createProver: createSnarkjsProver }
    : { name: 'native', because: null, createVerifier: createNativeVerifier, createProver: createNativeProver };
}
