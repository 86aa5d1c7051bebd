import { loadCircuit, TELEMETRY_SIGNALS, type TelemetryInput, type TelemetryPublics } from '../src/index.js';
import { compileCircuit, compileUnchecked } from './compile.fixture.js';
import { brokenConstraints, readR1cs, type R1cs } from './r1cs.fixture.js';
import { sameWires, signalWires, witnessCalculator } from './witness.fixture.js';

/** The circuit seen by an honest prover, by one who ignores every check, and by the verifier's constraints. */
export interface TelemetryProver {
  r1cs: R1cs;
  wires: Map<string, number>;
  /** Witness by the committed wasm, which refuses bad input. */
  honest(input: TelemetryInput): Promise<bigint[]>;
  /** All signals that follow from any input, then the public signals as claimed. */
  forge(input: TelemetryInput, claims?: Partial<TelemetryPublics>): Promise<bigint[]>;
  broken(witness: readonly bigint[]): number[];
  /** Some signals that a constraint mentions: tells which rule it is. */
  signalsOf(constraint: number): string[];
}

export async function telemetryProver(): Promise<TelemetryProver> {
  const [released, unchecked] = await Promise.all([compileCircuit('telemetry16'), compileUnchecked('telemetry16')]);
  const honest = await witnessCalculator(loadCircuit('telemetry16').wasmFile, released.calculatorFile);
  const calculate = await witnessCalculator(unchecked.wasmFile, unchecked.calculatorFile, sameWires({ of: released.symFile, among: unchecked.symFile }));
  const r1cs = readR1cs(released.r1csFile);
  const wires = signalWires(released.symFile);
  const names = new Map([...wires].map(([name, wire]) => [wire, name]));
  // Tests claim many things about one input.
  const calculated = new WeakMap<object, Promise<bigint[]>>();
  return {
    r1cs,
    wires,
    honest,
    async forge(input, claims = {}) {
      const following = calculated.get(input) ?? calculate(input);
      calculated.set(input, following);
      const witness = [...(await following)];
      TELEMETRY_SIGNALS.forEach((name, i) => { witness[i + 1] = claims[name] ?? witness[i + 1]!; });
      return witness;
    },
    broken: (witness) => brokenConstraints(r1cs, witness),
    signalsOf: (constraint) => [...new Set(r1cs.constraints[constraint]!.flatMap((combination) => combination.map(([wire]) => names.get(wire) ?? '1')))],
  };
}

/** The signals that stand in a witness's public wires. */
export function publicSignals(witness: readonly bigint[]): bigint[] {
  return witness.slice(1, TELEMETRY_SIGNALS.length + 1);
}
