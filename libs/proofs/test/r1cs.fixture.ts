import { readFileSync } from 'node:fs';
import { FIELD_MODULUS } from '#libs/events';

/** Sum of coefficient * wire. */
export type LinearCombination = readonly (readonly [wire: number, coefficient: bigint])[];
/** <A, w> * <B, w> = <C, w> over the scalar field, for a witness w with w[0] = 1. */
export type Constraint = readonly [a: LinearCombination, b: LinearCombination, c: LinearCombination];
export interface R1cs { wires: number; outputs: number; publicInputs: number; privateInputs: number; constraints: Constraint[] }

/**
 * Reads an .r1cs file (iden3's binary format, version 1) by itself rather than with snarkjs, so that a comparison of a zkey with the circuit
 * does not lean on the code that made the zkey.
 */
export function readR1cs(file: string): R1cs {
  const bytes = readFileSync(file);
  if (bytes.toString('latin1', 0, 4) !== 'r1cs') throw new Error(`${file} is not an r1cs file`);
  const sections = new Map<number, number>();
  for (let i = 0, at = 12; i < bytes.readUInt32LE(8); i++) {
    sections.set(bytes.readUInt32LE(at), at + 12);
    at += 12 + Number(bytes.readBigUInt64LE(at + 4));
  }
  const header = sections.get(1)!;
  if (bytes.readUInt32LE(header) !== 32 || littleEndian(bytes, header + 4) !== FIELD_MODULUS) throw new Error(`${file} is over another field`);
  const [wires, outputs, publicInputs, privateInputs] = [0, 1, 2, 3].map((i) => bytes.readUInt32LE(header + 36 + 4 * i)) as [number, number, number, number];
  const count = bytes.readUInt32LE(header + 60);

  let at = sections.get(2)!;
  const combination = (): LinearCombination => {
    const terms = bytes.readUInt32LE(at);
    at += 4;
    return Array.from({ length: terms }, () => {
      const term = [bytes.readUInt32LE(at), littleEndian(bytes, at + 4)] as const;
      at += 36;
      return term;
    });
  };
  const constraints = Array.from({ length: count }, (): Constraint => [combination(), combination(), combination()]);
  return { wires, outputs, publicInputs, privateInputs, constraints };
}

/** Indices of the constraints that a witness breaks, of all or of those named. None: a proof for it would verify. */
export function brokenConstraints({ constraints }: R1cs, witness: readonly bigint[], among?: Iterable<number>): number[] {
  const value = (combination: LinearCombination) => {
    let sum = 0n;
    for (const [wire, coefficient] of combination) sum += coefficient * witness[wire]!;
    return sum % FIELD_MODULUS;
  };
  const broken: number[] = [];
  for (const index of among ?? constraints.keys()) {
    const [a, b, c] = constraints[index]!;
    if ((value(a) * value(b) - value(c)) % FIELD_MODULUS !== 0n) broken.push(index);
  }
  return broken;
}

/** For each wire, the constraints that mention it. */
export function constraintsByWire({ wires, constraints }: R1cs): Set<number>[] {
  const byWire = Array.from({ length: wires }, () => new Set<number>());
  constraints.forEach((constraint, index) => {
    for (const combination of constraint) for (const [wire] of combination) byWire[wire]!.add(index);
  });
  return byWire;
}

export function littleEndian(bytes: Buffer, at: number, length = 32): bigint {
  return BigInt(`0x${Buffer.from(bytes.subarray(at, at + length)).reverse().toString('hex')}`);
}
