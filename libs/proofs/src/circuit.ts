import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AtsError } from '#libs/errors';

/** A Groth16 verification key as snarkjs exports it: decimal texts. */
export interface VerificationKey {
  protocol: string;
  curve: string;
  nPublic: number;
  vk_alpha_1: string[];
  vk_beta_2: string[][];
  vk_gamma_2: string[][];
  vk_delta_2: string[][];
  IC: string[][];
}

/** The committed files of one circuit. */
export interface Circuit {
  id: string;
  /** Witness calculator. */
  wasmFile: string;
  /** Proving key. */
  zkeyFile: string;
  verificationKey: VerificationKey;
  /** Hex SHA-256 of the verification key file's bytes: what the parameter set names. */
  verificationKeyHash: string;
}

/** The folder of this project's package.json, from source and from dist alike. */
export const PROJECT_ROOT = projectRoot();

/** Where a circuit's files are looked for. */
export const CIRCUITS_FOLDER = join(PROJECT_ROOT, 'circuits');

/** @throws AtsError ATS_CIRCUIT_MISSING when a file is not there or the key is not one of Groth16 over BN254. */
export function loadCircuit(id: string, folder = CIRCUITS_FOLDER): Circuit {
  const key = loadVerificationKey(id, folder);
  return { id, wasmFile: requireFile(id, folder, `${id}.wasm`), zkeyFile: requireFile(id, folder, `${id}.zkey`), ...key };
}

/** What a verifier needs of a circuit: the key alone, which is all that an archive has of it. Throws as {@link loadCircuit} does. */
export function loadVerificationKey(id: string, folder = CIRCUITS_FOLDER): Pick<Circuit, 'verificationKey' | 'verificationKeyHash'> {
  const file = requireFile(id, folder, 'verification-key.json');
  const bytes = readFileSync(file);
  return { verificationKey: parseKey(bytes.toString('utf8'), file), verificationKeyHash: createHash('sha256').update(bytes).digest('hex') };
}

function requireFile(id: string, folder: string, name: string): string {
  if (!/^[a-z0-9]+$/.test(id)) throw new AtsError('ATS_CIRCUIT_MISSING', `${JSON.stringify(id)} is not a circuit id`);
  const path = join(folder, id, name);
  if (!existsSync(path)) throw new AtsError('ATS_CIRCUIT_MISSING', `${path} is not there`);
  return path;
}

function parseKey(text: string, keyFile: string): VerificationKey {
  let key: VerificationKey;
  try {
    key = JSON.parse(text) as VerificationKey;
  } catch (cause) {
    throw new AtsError('ATS_CIRCUIT_MISSING', `${keyFile} is not JSON`, { cause });
  }
  if (key.protocol !== 'groth16' || key.curve !== 'bn128' || key.IC?.length !== key.nPublic + 1) {
    throw new AtsError('ATS_CIRCUIT_MISSING', `${keyFile} is not a Groth16 key over bn128`);
  }
  return key;
}

function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new AtsError('ATS_CIRCUIT_MISSING', `no package.json above ${fileURLToPath(import.meta.url)}`);
    folder = parent;
  }
  return folder;
}
