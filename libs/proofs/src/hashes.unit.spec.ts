import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { poseidon16 } from 'poseidon-lite/poseidon16';
import { FIELD_MODULUS, fieldFromText } from '#libs/events';
import { CIRCUITS_FOLDER } from './circuit.js';
import { commitmentOf, deploymentScope, DOMAIN, hashFields, KIND, leafHash, nullifierOf, pseudonymOf, readingsDigest, secretHash } from './hashes.js';

it('is circomlib\'s Poseidon', () => {
  // circomlibjs test/poseidon.js: poseidon([1, 2]) and poseidon([1, 2, 3, 4]).
  expect(hashFields(1n, 2n)).toBe(0x115cc0f5e7d690413df64c6b9662e9cf2a3617f2743245519e19607a4417189an);
  expect(hashFields(1n, 2n, 3n, 4n)).toBe(0x299c867db6c1fdd79dcefa40e4510b9837e60ebb1ce0663dbaa525df65250465n);
});

it('names the same domains as the circuits', () => {
  const source = readFileSync(join(CIRCUITS_FOLDER, 'lib', 'domain.circom'), 'utf8');
  const found = [...source.matchAll(/function DOMAIN_(\w+)\(\)\s*\{ return (0x[0-9a-f]+); \}\s*\/\/ (\S+)/g)].map(([, name, value, text]) => {
    expect(BigInt(value!)).toBe(fieldFromText(text!));
    return [name, BigInt(value!)];
  });
  // The deployment's scope is never hashed inside a circuit.
  const { SCOPE: _, ...inCircuits } = DOMAIN;
  expect(Object.fromEntries(found)).toEqual(inCircuits);
});

it('absorbs more than 16 inputs in tagged blocks of 14, zero padded', () => {
  const inputs = Array.from({ length: 21 }, (_, i) => BigInt(i + 1));
  const head = poseidon16(inputs.slice(0, 16));
  expect(hashFields(...(inputs as [bigint, ...bigint[]]))).toBe(poseidon16([DOMAIN.CONTINUE, head, ...inputs.slice(16), ...Array<bigint>(9).fill(0n)]));
  expect(hashFields(...(inputs.slice(0, 16) as [bigint, ...bigint[]]))).toBe(head);
});

it('refuses inputs outside the field, which would be aliases', () => {
  for (const input of [-1n, FIELD_MODULUS, FIELD_MODULUS + 5n]) expect(() => hashFields(DOMAIN.SECRET, input)).toThrow(/ATS_FIELD_NOT_CANONICAL/);
});

it('gives every kind of value another hash of the same inputs', () => {
  const hashes = Object.values(DOMAIN).map((tag) => hashFields(tag, 1n, 2n));
  expect(new Set(hashes).size).toBe(hashes.length);
});

it('binds each part of leaf, digest, nullifier and scope', () => {
  const leaf = { kind: KIND.telemetry, Ax: 1n, Ay: 2n, secretHash: 3n, program: 4n };
  const nullifier = { secret: 1n, scope: 2n, kind: 1n, stream: 3n, epoch: 4n };
  const window = { kind: 1n, stream: 2n, epoch: 3n, values: [4n, 5n] };
  const deployment = { chainId: 1, deviceRegistry: `0x${'1'.repeat(40)}`, operator: `0x${'2'.repeat(40)}` };
  const all = [
    leafHash(leaf), ...Object.keys(leaf).map((key) => leafHash({ ...leaf, [key]: 9n })),
    nullifierOf(nullifier), ...Object.keys(nullifier).map((key) => nullifierOf({ ...nullifier, [key]: 9n })),
    readingsDigest(window), readingsDigest({ ...window, kind: 2n }), readingsDigest({ ...window, stream: 9n }), readingsDigest({ ...window, epoch: 9n }),
    readingsDigest({ ...window, values: [4n, 6n] }), readingsDigest({ ...window, values: [4n, 5n, 0n] }),
    deploymentScope(deployment), deploymentScope({ ...deployment, chainId: 2 }), deploymentScope({ ...deployment, operator: deployment.deviceRegistry }),
    deploymentScope({ ...deployment, deviceRegistry: deployment.operator }), secretHash(1n), pseudonymOf(1n, 2n), pseudonymOf(2n, 1n), commitmentOf(1n, 2n), commitmentOf(2n, 1n),
  ];
  expect(new Set(all).size).toBe(all.length);
});

it('reads addresses whatever their case, and nothing that is not one', () => {
  const deployment = { chainId: 1n, deviceRegistry: `0x${'aB'.repeat(20)}`, operator: `0x${'2'.repeat(40)}` };
  expect(deploymentScope(deployment)).toBe(deploymentScope({ ...deployment, deviceRegistry: deployment.deviceRegistry.toLowerCase() }));
  expect(() => deploymentScope({ ...deployment, operator: '0x12' })).toThrow(/ATS_DEPLOYMENT_INVALID/);
});
