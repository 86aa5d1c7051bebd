import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

interface Calculator { calculateBinWitness(input: object, sanityCheck: boolean): Promise<Uint8Array> }

/**
 * A function from inputs under the circuit's names to the witness (wire 0 is one, then the public signals in order), or to those wires of it that
 * are listed. It rejects when an assertion of the wasm fails.
 */
export async function witnessCalculator(wasmFile: string, calculatorFile: string, wires?: readonly number[]): Promise<(input: object) => Promise<bigint[]>> {
  const build = createRequire(import.meta.url)(calculatorFile) as (code: Uint8Array) => Promise<Calculator>;
  const code = readFileSync(wasmFile);
  let calculator = await build(code);
  return async (input) => {
    try {
      return decode(await calculator.calculateBinWitness(input, false), wires);
    } catch (error) {
      // A failed run leaves its error text and half-set signals behind.
      calculator = await build(code);
      throw error;
    }
  };
}

/** Witness indices by signal name (`main.` left out). Signals that the compiler eliminated have none. */
export function signalWires(symFile: string): Map<string, number> {
  return new Map(symRows(symFile).filter(({ wire }) => wire >= 0).map(({ name, wire }) => [name.slice('main.'.length), wire]));
}

/** For each wire of one compilation, the wire that carries the same signal in another: both .sym files list every signal under one label. */
export function sameWires({ of, among }: { of: string; among: string }): number[] {
  const wireOfLabel = new Map(symRows(among).map(({ label, wire }) => [label, wire]));
  const wires: number[] = [0];
  for (const { label, wire } of symRows(of)) if (wire >= 0) wires[wire] = wireOfLabel.get(label)!;
  return wires;
}

/** Lines `label,wire,component,name` of a .sym file; wire -1: eliminated. */
function symRows(symFile: string): { label: number; wire: number; name: string }[] {
  return readFileSync(symFile, 'utf8').trimEnd().split('\n').map((line) => {
    const [label, wire, , name] = line.split(',') as [string, string, string, string];
    return { label: Number(label), wire: Number(wire), name };
  });
}

/** 32 little-endian bytes a wire. */
function decode(bytes: Uint8Array, wires: readonly number[] = Array.from({ length: bytes.length / 32 }, (_, wire) => wire)): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return wires.map((wire) => [24, 16, 8, 0].reduce((value, offset) => (value << 64n) | view.getBigUint64(32 * wire + offset, true), 0n));
}
