// forge's output -> libs/chain/src/contracts.generated.ts. `--check` compares instead of writing.
import { readFileSync, writeFileSync } from 'node:fs';

const target = new URL('../libs/chain/src/contracts.generated.ts', import.meta.url);
const contracts = { deviceRegistry: 'DeviceRegistry', policyRegistry: 'PolicyRegistry', checkpointAnchor: 'CheckpointAnchor' };

const parts = Object.entries(contracts).map(([name, contract]) => {
  const { abi, bytecode } = JSON.parse(readFileSync(new URL(`out/${contract}.sol/${contract}.json`, import.meta.url), 'utf8'));
  const entries = abi.map((entry) => `    ${JSON.stringify(entry)},`).join('\n');
  return `export const ${name}Contract = {\n  abi: [\n${entries}\n  ],\n  bytecode:\n    '${bytecode.object}',\n} as const;\n`;
});
const text = `// Written by contracts/build.sh from contracts/src; contracts/test.sh checks that it is current.\n\n${parts.join('\n')}`;

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error('libs/chain/src/contracts.generated.ts is not what contracts/src gives: run contracts/build.sh');
    process.exitCode = 1;
  }
} else {
  writeFileSync(target, text);
}
