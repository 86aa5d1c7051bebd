// make ceremony, make ceremony-verify. Run from circuits/: node ceremony/main.mjs make|verify ID...
// PTAU=FILE powers of tau (make: without it they are made first, of POWER), BEACON=HEX a public random value fixed after the last contribution.
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { closeThreads, makePowersOfTau, setUp, verify } from './steps.mjs';

const circuits = join(dirname(fileURLToPath(import.meta.url)), '..');
const build = join(circuits, 'build');
const [task, ...ids] = process.argv.slice(2);
const logger = {
  debug() {},
  info(line) { if (process.env.VERBOSE) console.error(line); },
  warn(line) { console.error(line); },
  error(line) { console.error(line); },
};

try {
  mkdirSync(build, { recursive: true });
  const ptau = await powersOfTau();
  for (const id of ids) {
    const folder = join(circuits, id);
    if (task === 'make') {
      console.log(`${id}: set-up, about a minute`);
      const transcript = await setUp({ id, ptau, work: build, out: folder, beacon: process.env.BEACON || undefined, logger });
      for (const { name, hash } of transcript.contributions) console.log(`  ${name}  ${hash}`);
    } else {
      console.log(`${id}:`);
      for (const check of await verify({ id, ptau, work: build, folder, logger })) {
        console.log(`  ${check.ok ? 'ok    ' : 'FAILED'} ${check.id}`);
        if (!check.ok) process.exitCode = 1;
      }
    }
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 2;
} finally {
  await closeThreads();
}

async function powersOfTau() {
  const given = process.env.PTAU;
  if (given) {
    // make runs here in circuits/; a relative PTAU is meant from where the user typed it.
    const file = resolve(process.env.INIT_CWD ?? process.cwd(), given);
    if (!existsSync(file)) throw new Error(`PTAU=${given}: no such file`);
    return file;
  }
  if (task !== 'make') throw new Error('PTAU=FILE is missing: the powers-of-tau file that the keys were made from (its SHA-256 is in transcript.json)');
  const power = Number(process.env.POWER || 15);
  const made = join(build, `powers-of-tau-${power}.ptau`);
  if (!existsSync(made)) {
    console.log(`powers of tau to 2^${power}: ${power >= 15 ? 'about an hour' : 'minutes'}; kept in circuits/build`);
    await makePowersOfTau(made, power, logger);
  }
  return made;
}
