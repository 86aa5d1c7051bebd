import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { CIRCUITS_FOLDER } from '../src/index.js';

const ROOT = join(CIRCUITS_FOLDER, '..');
const BUILD = join(CIRCUITS_FOLDER, 'build');
const CIRCOM = createRequire(import.meta.url).resolve('circom2/cli.js');
const CIRCOMLIB = 'node_modules/circomlib/circuits';

/** A compiled circuit: constraints, signal names, and a witness calculator. */
export interface Compiled { r1csFile: string; symFile: string; wasmFile: string; calculatorFile: string }

/** Compiles circuits/ID.circom with the flags of the ceremony. Kept under a hash of the sources: one compile a change. */
export function compileCircuit(id: string): Promise<Compiled> {
  return kept(`${id}-released`, (work) => circom(`circuits/${id}.circom`, work, ['--O2', '-l', CIRCOMLIB]), id);
}

/**
 * Compiles the same circuit with every `===` struck from a copy of our sources and circomlib's, and no signal optimised away. Its witness calculator
 * fills in all signals that follow from any input and refuses none: it is the prover who ignores every check. The labels of the .sym files are
 * the same, so its witnesses can be carried over to the real constraints (`carry`).
 */
export function compileUnchecked(id: string): Promise<Compiled> {
  return kept(`${id}-unchecked`, async (work) => {
    const copy = join(work, 'sources');
    mkdirSync(copy);
    for (const file of readdirSync(CIRCUITS_FOLDER).filter((name) => name.endsWith('.circom'))) cpSync(join(CIRCUITS_FOLDER, file), join(copy, file));
    cpSync(join(CIRCUITS_FOLDER, 'lib'), join(copy, 'lib'), { recursive: true });
    cpSync(join(ROOT, CIRCOMLIB), join(copy, 'circomlib'), { recursive: true });
    for (const folder of [copy, join(copy, 'lib'), join(copy, 'circomlib')]) {
      for (const name of readdirSync(folder).filter((entry) => entry.endsWith('.circom'))) {
        const text = readFileSync(join(folder, name), 'utf8');
        writeFileSync(join(folder, name), text.replaceAll(/^[^\n/]*===[^\n]*;[^\n]*$/gm, ''));
      }
    }
    const library = relative(ROOT, join(copy, 'circomlib'));
    await circom(relative(ROOT, join(copy, `${id}.circom`)), work, ['--O0', '-l', library]);
    rmSync(copy, { recursive: true });
  }, id);
}

async function circom(source: string, folder: string, options: string[]): Promise<void> {
  const args = [CIRCOM, source, '--r1cs', '--sym', '--wasm', ...options, '-o', relative(ROOT, folder)];
  await promisify(execFile)(process.execPath, args, { cwd: ROOT, maxBuffer: 2 ** 26 });
}

async function kept(name: string, make: (work: string) => Promise<void>, id: string): Promise<Compiled> {
  const folder = join(BUILD, `${name}-${sourceHash(id)}`);
  if (!existsSync(folder)) {
    mkdirSync(BUILD, { recursive: true });
    const work = mkdtempSync(join(BUILD, 'work-'));
    try {
      await make(work);
      // CommonJS, which a .js file inside this package would not be.
      renameSync(join(work, `${id}_js`, 'witness_calculator.js'), join(work, 'witness_calculator.cjs'));
      renameSync(work, folder);
    } catch (error) {
      rmSync(work, { recursive: true, force: true });
      // Another process may have compiled the same sources meanwhile.
      if (!existsSync(folder)) throw error;
    }
  }
  return {
    r1csFile: join(folder, `${id}.r1cs`),
    symFile: join(folder, `${id}.sym`),
    wasmFile: join(folder, `${id}_js`, `${id}.wasm`),
    calculatorFile: join(folder, 'witness_calculator.cjs'),
  };
}

function sourceHash(id: string): string {
  const circuits = readdirSync(CIRCUITS_FOLDER).filter((name) => name.endsWith('.circom') && (name === `${id}.circom` || !/\d/.test(name)));
  const files = [...circuits, ...readdirSync(join(CIRCUITS_FOLDER, 'lib')).map((name) => join('lib', name))].map((name) => join('circuits', name));
  const hash = createHash('sha256');
  for (const file of [...files, 'libs/proofs/test/compile.fixture.ts', 'node_modules/circom2/package.json', 'node_modules/circomlib/package.json'].sort()) {
    hash.update(`${file}\0`).update(readFileSync(join(ROOT, file)));
  }
  return hash.digest('hex').slice(0, 16);
}
