import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FIELD_MODULUS } from '#libs/events';
import { CIRCUITS_FOLDER, loadCircuit, TELEMETRY_SIGNALS } from '../src/index.js';
import { compileCircuit } from './compile.fixture.js';
import { littleEndian, readR1cs, type R1cs } from './r1cs.fixture.js';

const circuit = loadCircuit('telemetry16');
const transcript = JSON.parse(readFileSync(join(CIRCUITS_FOLDER, 'telemetry16', 'transcript.json'), 'utf8')) as {
  contributions: { name: string; hash: string }[]; sha256: Record<'r1cs' | 'zkey' | 'wasm' | 'verificationKey', string>;
};
let r1csFile: string;
let r1cs: R1cs;

beforeAll(async () => {
  ({ r1csFile } = await compileCircuit('telemetry16'));
  r1cs = readR1cs(r1csFile);
}, 600_000);

const sha256 = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');

it('the sources compile to the constraints that the ceremony was held for', () => {
  expect(sha256(r1csFile)).toBe(transcript.sha256.r1cs);
});

it('the committed files are those of the transcript, with two contributions and a beacon', () => {
  expect([sha256(circuit.zkeyFile), sha256(circuit.wasmFile), circuit.verificationKeyHash]).toEqual([
    transcript.sha256.zkey, transcript.sha256.wasm, transcript.sha256.verificationKey,
  ]);
  expect(transcript.contributions.map(({ name }) => name)).toEqual(['contribution 1', 'contribution 2', 'beacon']);
  expect(new Set(transcript.contributions.map(({ hash }) => hash)).size).toBe(3);
});

it('the proving key\'s coefficients are the constraints, entry by entry', () => {
  const { header, coefficients } = readZkey(circuit.zkeyFile);
  const nPublic = r1cs.outputs + r1cs.publicInputs;
  expect(nPublic).toBe(TELEMETRY_SIGNALS.length);
  expect(header).toEqual({ wires: r1cs.wires, nPublic, domainSize: 2 ** Math.ceil(Math.log2(r1cs.constraints.length + nPublic + 1)) });

  const expected = new Map<string, bigint>();
  r1cs.constraints.forEach(([a, b], row) => {
    for (const [matrix, combination] of [a, b].entries()) for (const [wire, coefficient] of combination) expected.set(`${matrix} ${row} ${wire}`, coefficient);
  });
  // snarkjs adds one row for the wire one and each public signal, so that none is without a term in A.
  for (let wire = 0; wire <= nPublic; wire++) expected.set(`0 ${r1cs.constraints.length + wire} ${wire}`, 1n);

  const differing = [...coefficients].filter(([entry, value]) => expected.get(entry) !== value);
  expect(differing).toEqual([]);
  expect(coefficients.size).toBe(expected.size);
});

interface Zkey { header: { wires: number; nPublic: number; domainSize: number }; coefficients: Map<string, bigint> }

/** Sections 2 (header) and 4 (matrices A and B) of snarkjs's Groth16 .zkey format. Coefficients are stored times R^2, R = 2^256. */
function readZkey(file: string): Zkey {
  const bytes = readFileSync(file);
  const sections = new Map<number, number>();
  for (let i = 0, at = 12; i < bytes.readUInt32LE(8); i++) {
    sections.set(bytes.readUInt32LE(at), at + 12);
    at += 12 + Number(bytes.readBigUInt64LE(at + 4));
  }
  const header = sections.get(2)! + 72;
  const [wires, nPublic, domainSize] = [0, 4, 8].map((offset) => bytes.readUInt32LE(header + offset)) as [number, number, number];

  const inverseOfR2 = power(2n ** 512n % FIELD_MODULUS, FIELD_MODULUS - 2n);
  const coefficients = new Map<string, bigint>();
  const start = sections.get(4)!;
  for (let i = 0, at = start + 4; i < bytes.readUInt32LE(start); i++, at += 44) {
    const entry = `${bytes.readUInt32LE(at)} ${bytes.readUInt32LE(at + 4)} ${bytes.readUInt32LE(at + 8)}`;
    if (coefficients.has(entry)) throw new Error(`the entry ${entry} comes twice`);
    coefficients.set(entry, (littleEndian(bytes, at + 12) * inverseOfR2) % FIELD_MODULUS);
  }
  return { header: { wires, nPublic, domainSize }, coefficients };
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let b = base, e = exponent; e > 0n; e >>= 1n, b = (b * b) % FIELD_MODULUS) if (e & 1n) result = (result * b) % FIELD_MODULUS;
  return result;
}
