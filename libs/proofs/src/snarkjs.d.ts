/** The part of snarkjs that workers use; the package has no types of its own. */
declare module 'snarkjs' {
  export const groth16: {
    fullProve(
      input: Record<string, unknown>, wasmFile: string, zkeyFile: string,
    ): Promise<{ proof: import('./proof-codec.js').SnarkjsProof; publicSignals: string[] }>;
    verify(key: unknown, publicSignals: readonly string[], proof: unknown): Promise<boolean>;
  };
  export const curves: {
    getCurveFromName(name: 'bn128', options: { singleThread: boolean }): Promise<object>;
  };
}
