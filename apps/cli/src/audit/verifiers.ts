import { AtsError } from '#libs/errors';
import { createNativeVerifier, createNobleVerifier, createSnarkjsVerifier, type VerifierFactory } from '#libs/proofs';

/** Implementations that can verify proofs; the first is the default. */
export const VERIFIERS: Readonly<Record<string, VerifierFactory>> = {
  snarkjs: createSnarkjsVerifier,
  noble: createNobleVerifier,
  native: createNativeVerifier,
};

/** @throws AtsError ATS_CONFIG_INVALID */
export function verifierNamed(name = Object.keys(VERIFIERS)[0]!): { name: string; create: VerifierFactory } {
  const create = Object.hasOwn(VERIFIERS, name) ? VERIFIERS[name] : undefined;
  if (create === undefined) throw new AtsError('ATS_CONFIG_INVALID', `${JSON.stringify(name)} is no verifier`, { todo: `One of ${Object.keys(VERIFIERS).join(', ')}.` });
  return { name, create };
}
