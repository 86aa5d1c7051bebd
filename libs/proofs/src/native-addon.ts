import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { AtsError } from '#libs/errors';
import { PROJECT_ROOT } from './circuit.js';

/** What native/node exports; its comments say which bytes are meant. */
export interface NativeAddon {
  Verifier: new (keys: Uint8Array[]) => NativeVerifier;
  Prover: { load(zkey: Uint8Array): Promise<NativeProver> };
}
export interface NativeVerifier {
  verifyBatch(keys: Uint32Array, proofs: Uint8Array, publics: Uint8Array): Uint8Array;
  verifyBatchAsync(keys: Uint32Array, proofs: Uint8Array, publics: Uint8Array, threads: number): Promise<Uint8Array>;
}
export interface NativeProver {
  prove(wtns: Uint8Array, threads: number): Promise<Uint8Array>;
}

/** The addon, or why there is none. */
export type LoadedNative = { readonly addon: NativeAddon; readonly missing: null } | { readonly addon: null; readonly missing: string };

/** The addon that scripts/install-native has built from exactly these sources. */
export function loadNative(): LoadedNative {
  return load(nativeFile());
}

/** @throws AtsError ATS_NATIVE_MISSING */
export function requireNative(): NativeAddon {
  const { addon, missing } = loadNative();
  if (addon === null) throw new AtsError('ATS_NATIVE_MISSING', missing);
  return addon;
}

function load(file: string): LoadedNative {
  if (!existsSync(file)) return { addon: null, missing: `${file} is not there` };
  try {
    return { addon: createRequire(import.meta.url)(file) as NativeAddon, missing: null };
  } catch (error) {
    // Built on another machine, or damaged.
    return { addon: null, missing: `${file} can't be loaded: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** As scripts/native-build names it, which has to be changed with it. */
export function nativeFile(root = PROJECT_ROOT, env: NodeJS.ProcessEnv = process.env): string {
  const cache = env['ATTESTREAM_CACHE'] || join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'attestream');
  return join(cache, `native-${sourceHash(join(root, 'native'))}`, 'attestream.node');
}

function sourceHash(folder: string): string {
  const paths = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
  const sources = paths.filter((path) => /\.rs$|(^|\/)Cargo\.[^/]*$/.test(path) && !/(^|\/)(target|tests)\//.test(path)).sort();
  const sums = sources.map((path) => `${sha256(readFileSync(join(folder, path)))}  ./${path}\n`);
  return sha256(sums.join('')).slice(0, 16);
}

function sha256(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex');
}
