import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

export interface Compiled { abi: object[]; bytecode: string }

interface SolcOutput {
  errors?: { severity: string; formattedMessage: string }[];
  contracts: Record<string, Record<string, { abi: object[]; evm: { bytecode: { object: string } } }>>;
}

/** The contracts of Schemes.sol, by name, with the optimizer as contracts/foundry.toml has it. */
export function compileSchemes(): ReadonlyMap<string, Compiled> {
  const solc = createRequire(import.meta.url)('solc') as { compile(input: string): string };
  const input = {
    language: 'Solidity',
    sources: { 'Schemes.sol': { content: readFileSync(new URL('Schemes.sol', import.meta.url), 'utf8') } },
    settings: {
      optimizer: { enabled: true, runs: 10_000 }, evmVersion: 'cancun', metadata: { bytecodeHash: 'none', appendCBOR: false },
      outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
    },
  };
  const { errors = [], contracts } = JSON.parse(solc.compile(JSON.stringify(input))) as SolcOutput;
  const failure = errors.find(({ severity }) => severity === 'error');
  if (failure) throw new Error(failure.formattedMessage);
  return new Map(Object.entries(contracts['Schemes.sol']!).map(([name, { abi, evm }]) => [name, { abi, bytecode: `0x${evm.bytecode.object}` }]));
}
