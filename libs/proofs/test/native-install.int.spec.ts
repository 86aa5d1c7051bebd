import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { chooseEngine, createNativeProver, createNativeVerifier } from '../src/index.js';
import { loadNative, nativeFile } from '../src/native-addon.js';

/** What holds where native/ is not built, and how it is found where it is. */

const root = join(import.meta.dirname, '..', '..', '..');
const before = process.env['ATTESTREAM_CACHE'];
let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'attestream-cache-'));
  process.env['ATTESTREAM_CACHE'] = cache;
});
afterEach(() => {
  if (before === undefined) delete process.env['ATTESTREAM_CACHE'];
  else process.env['ATTESTREAM_CACHE'] = before;
  rmSync(cache, { recursive: true });
});

it('scripts and libs/proofs name the same file, which changes with any source', () => {
  for (const env of [{ HOME: '/h', ATTESTREAM_CACHE: '/a/b' }, { HOME: '/h', XDG_CACHE_HOME: '/c' }, { HOME: process.env['HOME'] }]) {
    const script = execFileSync('bash', ['-c', '. scripts/native-build; native_file'], { cwd: root, encoding: 'utf8', env: { PATH: process.env['PATH'], ...env } as NodeJS.ProcessEnv });
    expect(nativeFile(root, env)).toBe(script.trim());
  }
  for (const name of ['native/core/src/lib.rs', 'native/Cargo.lock']) {
    mkdirSync(dirname(join(cache, name)), { recursive: true });
    const empty = nativeFile(cache);
    writeFileSync(join(cache, name), 'something');
    expect(nativeFile(cache)).not.toBe(empty);
  }
});

it('without a build snarkjs does the work and says why; native alone is an error', async () => {
  const { name, because } = chooseEngine('auto');
  expect([name, because]).toEqual(['snarkjs', expect.stringContaining('is not there')]);
  expect(chooseEngine('snarkjs').because).toBeNull();
  expect(() => chooseEngine('native')).toThrow(/ATS_NATIVE_MISSING/);
  expect(() => createNativeProver()).toThrow(/ATS_NATIVE_MISSING/);
  await expect(createNativeVerifier({ circuits: [] })).rejects.toMatchObject({ code: 'ATS_NATIVE_MISSING' });
});

it('a build that can not be loaded is none', () => {
  mkdirSync(dirname(nativeFile()), { recursive: true });
  writeFileSync(nativeFile(), 'no shared object');
  expect(loadNative()).toMatchObject({ addon: null, missing: expect.stringContaining("can't be loaded") });
  expect(chooseEngine('auto').name).toBe('snarkjs');
});

describe('scripts/install-native never fails, and says what it lacks', () => {
  /** With a cargo of this version that can do nothing else. */
  function install(version: string) {
    const bin = join(cache, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'cargo'), `#!/bin/sh\n[ "$1" = --version ] && echo 'cargo ${version}' && exit 0\necho 'error: no registry' >&2\nexit 101\n`);
    chmodSync(join(bin, 'cargo'), 0o755);
    return spawnSync(join(root, 'scripts/install-native'), { encoding: 'utf8', env: { ...process.env, PATH: `${bin}:${process.env['PATH']}` } });
  }

  it('an old cargo', () => {
    expect(install('1.63.0 (abc 2022-07-07)')).toMatchObject({ status: 0, stderr: expect.stringMatching(/not built: cargo is 1\.63\.0, 1\.85 is needed.*snarkjs/) });
  });

  it('a cargo that fails', () => {
    expect(install('1.85.0')).toMatchObject({ status: 0, stderr: expect.stringMatching(/no registry[^]*not built: cargo failed/) });
    expect(loadNative().addon).toBeNull();
  });
});
