import { poseidon1 } from 'poseidon-lite/poseidon1';
import { poseidon2 } from 'poseidon-lite/poseidon2';
import { poseidon3 } from 'poseidon-lite/poseidon3';
import { poseidon4 } from 'poseidon-lite/poseidon4';
import { poseidon5 } from 'poseidon-lite/poseidon5';
import { poseidon6 } from 'poseidon-lite/poseidon6';
import { poseidon7 } from 'poseidon-lite/poseidon7';
import { poseidon8 } from 'poseidon-lite/poseidon8';
import { poseidon9 } from 'poseidon-lite/poseidon9';
import { poseidon10 } from 'poseidon-lite/poseidon10';
import { poseidon11 } from 'poseidon-lite/poseidon11';
import { poseidon12 } from 'poseidon-lite/poseidon12';
import { poseidon13 } from 'poseidon-lite/poseidon13';
import { poseidon14 } from 'poseidon-lite/poseidon14';
import { poseidon15 } from 'poseidon-lite/poseidon15';
import { poseidon16 } from 'poseidon-lite/poseidon16';
import { AtsError } from '#libs/errors';
import { FIELD_MODULUS, fieldFromText } from '#libs/events';

const POSEIDON = [
  poseidon1, poseidon2, poseidon3, poseidon4, poseidon5, poseidon6, poseidon7, poseidon8,
  poseidon9, poseidon10, poseidon11, poseidon12, poseidon13, poseidon14, poseidon15, poseidon16,
] as const;

/** Inputs of the widest Poseidon: one block of {@link hashFields}. */
const BLOCK = 16;

/** First input of every hash, so that no value of one kind can pass for another. circuits/lib/domain.circom holds the same numbers. */
export const DOMAIN = {
  COMMIT: fieldFromText('attestream/commit/1'),
  CONTINUE: fieldFromText('attestream/continue/1'),
  LEAF: fieldFromText('attestream/leaf/1'),
  NODE: fieldFromText('attestream/node/1'),
  NULLIFIER: fieldFromText('attestream/nullifier/1'),
  PSEUDONYM: fieldFromText('attestream/pseudonym/1'),
  READINGS: fieldFromText('attestream/readings/1'),
  SCOPE: fieldFromText('attestream/scope/1'),
  SECRET: fieldFromText('attestream/secret/1'),
} as const;

/** What a leaf may prove: the number stands in leaf, digest and nullifier. */
export const KIND = { telemetry: 1n, intent: 2n } as const;

/**
 * H(tag, values...): Poseidon (circomlib's parameters) over BN254's scalar field. Up to 16 inputs are one call; the rest is absorbed
 * 14 values at a time as Poseidon(CONTINUE, state, next 14, zero padded). A caller whose list varies in length puts its count among the values.
 * @throws AtsError ATS_FIELD_NOT_CANONICAL when an input is not in [0, r).
 */
export function hashFields(tag: bigint, ...values: readonly bigint[]): bigint {
  const inputs = [tag, ...values];
  for (const input of inputs) {
    if (input < 0n || input >= FIELD_MODULUS) throw new AtsError('ATS_FIELD_NOT_CANONICAL', `${input} is hashed, but is not in [0, r)`);
  }
  let state = poseidon(inputs.slice(0, BLOCK));
  for (let i = BLOCK; i < inputs.length; i += BLOCK - 2) {
    const next = inputs.slice(i, i + BLOCK - 2);
    state = poseidon([DOMAIN.CONTINUE, state, ...next, ...Array<bigint>(BLOCK - 2 - next.length).fill(0n)]);
  }
  return state;
}

function poseidon(inputs: bigint[]): bigint {
  return POSEIDON[inputs.length - 1]!(inputs);
}

/** H(SECRET, secret): what the registrar sees of a household's secret. */
export function secretHash(secret: bigint): bigint {
  return hashFields(DOMAIN.SECRET, secret);
}

/** What a leaf of the registry binds. `program`: the policy family's id (telemetry) or the decoder's commitment (intent). */
export interface LeafParameters { kind: bigint; Ax: bigint; Ay: bigint; secretHash: bigint; program: bigint }

/** H(LEAF, kind, Ax, Ay, H(SECRET, secret), program). */
export function leafHash({ kind, Ax, Ay, secretHash: hidden, program }: LeafParameters): bigint {
  return hashFields(DOMAIN.LEAF, kind, Ax, Ay, hidden, program);
}

/** H(NODE, left, right): an inner node of the registry's tree. */
export function nodeHash(left: bigint, right: bigint): bigint {
  return hashFields(DOMAIN.NODE, left, right);
}

/** H(SCOPE, chain id, device registry, operator): one a deployment. Addresses are 0x hex of 20 bytes. */
export function deploymentScope({ chainId, deviceRegistry, operator }: { chainId: number | bigint; deviceRegistry: string; operator: string }): bigint {
  return hashFields(DOMAIN.SCOPE, BigInt(chainId), addressField(deviceRegistry), addressField(operator));
}

function addressField(address: string): bigint {
  if (!/^0x[0-9a-fA-F]{40}$/.test(address)) throw new AtsError('ATS_DEPLOYMENT_INVALID', `${JSON.stringify(address)} is not an Ethereum address`);
  return BigInt(address);
}

/** H(PSEUDONYM, secret, scope): a household's name in one deployment. */
export function pseudonymOf(secret: bigint, scope: bigint): bigint {
  return hashFields(DOMAIN.PSEUDONYM, secret, scope);
}

/** H(NULLIFIER, secret, scope, kind, stream, epoch): one verified message a household, stream and epoch. */
export function nullifierOf({ secret, scope, kind, stream, epoch }: { secret: bigint; scope: bigint; kind: bigint; stream: bigint; epoch: bigint }): bigint {
  return hashFields(DOMAIN.NULLIFIER, secret, scope, kind, stream, epoch);
}

/** H(READINGS, kind, N, stream, epoch, values...): what a sensor signs. A window passes for no other stream, epoch, kind or length. */
export function readingsDigest({ kind, stream, epoch, values }: { kind: bigint; stream: bigint; epoch: bigint; values: readonly bigint[] }): bigint {
  return hashFields(DOMAIN.READINGS, kind, BigInt(values.length), stream, epoch, ...values);
}

/** H(COMMIT, digest, salt): hides the readings as long as the salt is random and secret. */
export function commitmentOf(digest: bigint, salt: bigint): bigint {
  return hashFields(DOMAIN.COMMIT, digest, salt);
}
