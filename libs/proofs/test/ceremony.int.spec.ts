import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CIRCUITS_FOLDER } from '../src/index.js';

const STEPS = join(CIRCUITS_FOLDER, 'ceremony', 'steps.mjs');
const CIRCUIT = 'pragma circom 2.1.9;\ntemplate Product() { signal input a; signal input b; signal output c; c <== a * b; }\ncomponent main {public [a]} = Product();\n';
let folder: string;

beforeAll(() => {
  mkdirSync(join(CIRCUITS_FOLDER, 'build'), { recursive: true });
  folder = mkdtempSync(join(CIRCUITS_FOLDER, 'build', 'ceremony-'));
  writeFileSync(join(folder, 'product.circom'), CIRCUIT);
});
afterAll(() => { rmSync(folder, { recursive: true }); });

/** Runs a step in a process of its own, as make does: snarkjs's threads and its state end with it. */
async function step<T>(expression: string): Promise<T> {
  const common = `id: 'product', ptau: ${JSON.stringify(join(folder, 'powers.ptau'))}, source: ${JSON.stringify(`circuits/build/${folder.split('/').at(-1)}/product.circom`)}`;
  const script = `import * as steps from ${JSON.stringify(STEPS)}; const common = { ${common} };
    const result = await ${expression}; await steps.closeThreads(); console.log(JSON.stringify(result ?? null));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { cwd: CIRCUITS_FOLDER });
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as T;
}

const at = (name: string) => JSON.stringify(join(folder, name));
const verify = () => step<{ id: string; ok: boolean }[]>(`steps.verify({ ...common, work: ${at('check')}, folder: ${at('out')} })`);

it('makes powers of tau and keys from nothing, which its check accepts, and refuses once anything is exchanged', async () => {
  await step(`steps.makePowersOfTau(common.ptau, 4)`);
  const transcript = await step<{ contributions: { name: string; public?: boolean }[] }>(`steps.setUp({ ...common, work: ${at('work')}, out: ${at('out')}, beacon: '${'ab'.repeat(32)}' })`);
  expect(transcript.contributions.map(({ name }) => name)).toEqual(['contribution 1', 'contribution 2', 'beacon']);
  expect(transcript.contributions[2]!.public).toBe(true);
  expect((await verify()).filter(({ ok }) => !ok)).toEqual([]);

  // Another statement under the same key.
  writeFileSync(join(folder, 'product.circom'), CIRCUIT.replace('a * b', 'a * (b + 1)'));
  const changed = await verify();
  expect(changed.filter(({ ok }) => !ok).map(({ id }) => id)).toEqual(expect.arrayContaining([
    'the sources compile to the r1cs of the transcript', 'snarkjs verifies the key against r1cs and powers of tau',
  ]));
  writeFileSync(join(folder, 'product.circom'), CIRCUIT);

  // A transcript that tells of another contribution.
  const file = join(folder, 'out', 'transcript.json');
  const text = readFileSync(file, 'utf8');
  const told = JSON.parse(text) as { contributions: { hash: string }[] };
  told.contributions[0]!.hash = '00'.repeat(64);
  writeFileSync(file, JSON.stringify(told));
  expect((await verify()).filter(({ ok }) => !ok).map(({ id }) => id)).toEqual(['circuit and contributions are those of the transcript']);
  writeFileSync(file, text);

  // The verification key of another set-up of the same circuit.
  await step(`steps.setUp({ ...common, work: ${at('work')}, out: ${at('other')} })`);
  writeFileSync(join(folder, 'out', 'verification-key.json'), readFileSync(join(folder, 'other', 'verification-key.json')));
  expect((await verify()).filter(({ ok }) => !ok).map(({ id }) => id)).toEqual(['the files are those of the transcript', 'the verification key is the one of the proving key']);
}, 600_000);
