import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** Inputs of a circuit, unchecked: a test may leave every range. */
export type CircuitInput = Record<string, bigint | number | readonly (bigint | number)[]>;

interface Calculator { calculateWitness(input: CircuitInput, sanityCheck: boolean): Promise<bigint[]> }

/** A function from inputs to the whole witness (wire 0 is one, then the public signals in order). Rejects when an assertion of the wasm fails. */
export async function witnessCalculator(wasmFile: string, calculatorFile: string): Promise<(input: object) => Promise<bigint[]>> {
  const build = createRequire(import.meta.url)(calculatorFile) as (code: Uint8Array, options?: object) => Promise<Calculator>;
  const code = readFileSync(wasmFile);
  let calculator = await build(code);
  return async (input) => {
    try {
      return await calculator.calculateWitness(input as CircuitInput, false);
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

/** For each wire of one compilation, the wire that carries the same signal in another; both .sym files list every signal under one label. */
export function carry({ from, to }: { from: string; to: string }): (witness: readonly bigint[]) => bigint[] {
  const wireOfLabel = new Map(symRows(from).map(({ label, wire }) => [label, wire]));
  const source: number[] = [0];
  for (const { label, wire } of symRows(to)) if (wire >= 0) source[wire] = wireOfLabel.get(label)!;
  return (witness) => source.map((wire) => witness[wire]!);
}

/** Lines `label,wire,component,name` of a .sym file; wire -1: eliminated. */
function symRows(symFile: string): { label: number; wire: number; name: string }[] {
  return readFileSync(symFile, 'utf8').trimEnd().split('\n').map((line) => {
    const [label, wire, , name] = line.split(',') as [string, string, string, string];
    return { label: Number(label), wire: Number(wire), name };
  });
}
