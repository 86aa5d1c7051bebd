// The steps of a circuit's Groth16 set-up, as functions over files: compile, powers of tau, contributions, beacon, check. snarkjs does the mathematics.
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as snarkjs from 'snarkjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const require = createRequire(import.meta.url);

/** The flags that every set-up and check compiles with. */
export const COMPILER_FLAGS = ['--r1cs', '--wasm', '--sym', '--O2'];
/** The beacon is hashed 2^10 times: snarkjs's minimum, enough for one that nobody can steer. */
const BEACON_ITERATIONS_EXP = 10;

/**
 * Compiles circuits/ID.circom (or `source`, relative to the project's root) into `folder`; returns the paths of its parts.
 * The compiler sees the file system through WASI from the working directory upwards, hence the relative paths.
 */
export function compile(id, folder, source = `circuits/${id}.circom`) {
  mkdirSync(folder, { recursive: true });
  const compiler = require.resolve('circom2/cli.js');
  const flags = [...COMPILER_FLAGS, '-l', 'node_modules/circomlib/circuits', '-o', relative(root, folder)];
  execFileSync(process.execPath, [compiler, source, ...flags], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  return { r1cs: join(folder, `${id}.r1cs`), wasm: join(folder, `${id}_js`, `${id}.wasm`) };
}

/** `npm` versions of what compiles, for the transcript. */
export function compilerVersions() {
  const version = (name) => JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version;
  return { circom2: version('circom2'), circomlib: version('circomlib'), snarkjs: version('snarkjs'), flags: COMPILER_FLAGS };
}

/**
 * Makes powers of tau of our own with one contribution and a beacon, prepared for phase 2. Power 15 takes about an hour on two cores.
 * One party knows that it was honest; nobody else does: for production take a public ceremony's file.
 */
export async function makePowersOfTau(file, power, logger) {
  const step = (name) => `${file}.${name}`;
  const curve = await snarkjs.curves.getCurveFromName('bn128');
  await snarkjs.powersOfTau.newAccumulator(curve, power, step('0'), logger);
  await snarkjs.powersOfTau.contribute(step('0'), step('1'), 'contribution 1', osEntropy(), logger);
  await snarkjs.powersOfTau.beacon(step('1'), step('2'), 'beacon', sha256(step('1')), BEACON_ITERATIONS_EXP, logger);
  await snarkjs.powersOfTau.preparePhase2(step('2'), file, logger);
  for (const name of ['0', '1', '2']) rmSync(step(name));
}

/**
 * Phase 2: `contributions` contributions with entropy of the operating system, which is neither printed nor kept, then the beacon.
 * Writes ID.zkey, ID.wasm, verification-key.json and transcript.json into `out`, and only after snarkjs's own check of the result has passed.
 * @returns the transcript.
 */
export async function setUp({ id, ptau, work, out, beacon, contributions = 2, source, logger }) {
  const { r1cs, wasm } = compile(id, work, source);
  const step = (index) => join(work, `${id}_${index}.zkey`);
  const log = [];
  const circuitHash = await snarkjs.zKey.newZKey(r1cs, ptau, step(0), logger);
  if (!circuitHash || circuitHash === -1) throw new Error(`the powers of tau in ${ptau} do not fit the circuit`);
  for (let i = 1; i <= contributions; i++) {
    const name = `contribution ${i}`;
    const hash = await snarkjs.zKey.contribute(step(i - 1), step(i), name, osEntropy(), logger);
    log.push({ name, hash: hex(hash) });
  }
  // Without a public one: a hash of the last contribution. It binds, but whoever contributed last could have tried several.
  const beaconHash = beacon ?? createHash('sha256').update(log.at(-1).hash, 'hex').digest('hex');
  const final = join(work, `${id}.zkey`);
  const hash = await snarkjs.zKey.beacon(step(contributions), final, 'beacon', beaconHash, BEACON_ITERATIONS_EXP, logger);
  if (!hash) throw new Error(`${JSON.stringify(beaconHash)} is not a beacon: hexadecimal bytes are expected`);
  log.push({ name: 'beacon', hash: hex(hash), beacon: beaconHash, iterationsExp: BEACON_ITERATIONS_EXP, public: beacon !== undefined });
  for (let i = 0; i <= contributions; i++) rmSync(step(i));

  if (!(await snarkjs.zKey.verifyFromR1cs(r1cs, ptau, final, logger))) throw new Error('snarkjs refuses the key that it has just made');
  mkdirSync(out, { recursive: true });
  const file = (name) => join(out, name);
  copyFileSync(final, file(`${id}.zkey`));
  copyFileSync(wasm, file(`${id}.wasm`));
  writeJson(file('verification-key.json'), await snarkjs.zKey.exportVerificationKey(final, logger));
  const transcript = {
    circuit: id,
    compiler: compilerVersions(),
    circuitHash: hex(circuitHash),
    contributions: log,
    sha256: {
      r1cs: sha256(r1cs),
      powersOfTau: sha256(ptau),
      zkey: sha256(file(`${id}.zkey`)),
      wasm: sha256(file(`${id}.wasm`)),
      verificationKey: sha256(file('verification-key.json')),
    },
  };
  writeJson(file('transcript.json'), transcript);
  return transcript;
}

/**
 * Checks a committed set-up against the sources: recompiles, has snarkjs verify the key against r1cs and powers of tau, and compares everything
 * with the transcript.
 * @returns one { id, ok } a check.
 */
export async function verify({ id, ptau, work, folder, source, logger }) {
  const { r1cs, wasm } = compile(id, work, source);
  const file = (name) => join(folder, name);
  const zkey = file(`${id}.zkey`);
  const transcript = JSON.parse(readFileSync(file('transcript.json'), 'utf8'));
  const key = JSON.parse(readFileSync(file('verification-key.json'), 'utf8'));

  // snarkjs tells the hashes of circuit and contributions in its log alone, last contribution first.
  const said = [];
  const listener = { ...logger, info: (line) => { said.push(line); logger?.info(line); }, error: (line) => logger?.error(line), debug: () => {}, warn: (line) => logger?.warn(line) };
  const holds = await snarkjs.zKey.verifyFromR1cs(r1cs, ptau, zkey, listener);
  const hashes = said.map((line) => /^(Circuit Hash|contribution #\d+ .*): *\n([\s0-9a-f]+)$/.exec(line)?.[2].replaceAll(/\s/g, '')).filter(Boolean);
  const expected = [transcript.circuitHash, ...transcript.contributions.map(({ hash }) => hash).reverse()];

  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  return [
    { id: 'the sources compile to the r1cs of the transcript', ok: sha256(r1cs) === transcript.sha256.r1cs },
    { id: 'the sources compile to the committed wasm', ok: sha256(wasm) === sha256(file(`${id}.wasm`)) },
    { id: 'the powers of tau are those of the transcript', ok: sha256(ptau) === transcript.sha256.powersOfTau },
    { id: 'the files are those of the transcript', ok: ['zkey', 'wasm'].every((part) => sha256(file(`${id}.${part}`)) === transcript.sha256[part]) && sha256(file('verification-key.json')) === transcript.sha256.verificationKey },
    { id: 'snarkjs verifies the key against r1cs and powers of tau', ok: holds === true },
    { id: 'circuit and contributions are those of the transcript', ok: same(hashes, expected) },
    { id: 'the verification key is the one of the proving key', ok: same(await snarkjs.zKey.exportVerificationKey(zkey), key) },
  ];
}

/** snarkjs keeps its threads for the next call; without this the process does not end. */
export async function closeThreads() {
  await globalThis.curve_bn128?.terminate();
}

export function sha256(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

function osEntropy() {
  return randomBytes(64).toString('hex');
}

function hex(bytes) {
  return Buffer.from(bytes).toString('hex');
}

function writeJson(file, value) {
  writeFileSync(file, `${JSON.stringify(value, null, 1)}\n`);
}
