import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { AtsError } from '#libs/errors';

/** The programs that the stack runs, as absolute paths. */
export interface Tools {
  /** Java 21: Kafka and the registry run on it. */
  readonly java: string;
  /** Class path of Kafka's broker. */
  readonly kafkaClasspath: string;
  /** Folder of Apicurio's quarkus-run.jar. */
  readonly registryFolder: string;
  readonly anvil: string;
}

/** The checkout: the nearest folder above this file that holds scripts/tools/versions. The same from source and from dist. */
export const repositoryRoot: string = findRoot(import.meta.dirname);

/** Where downloads live that all clones share. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return env['ATTESTREAM_CACHE'] || join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'attestream');
}

/** The tools, downloaded first by scripts/install-tools when this machine lacks them.
 * @throws AtsError ATS_PREREQUISITE_MISSING */
export async function resolveTools(): Promise<Tools> {
  const versions = readVersions();
  const folder = (name: string, key: string) => join(cacheFolder(), `${name}-${versions[key]}`);
  const kafka = folder('kafka', 'KAFKA_VERSION');
  const registryFolder = folder('apicurio', 'APICURIO_VERSION');
  const jre = folder('jre', 'JRE_VERSION');
  if (![kafka, registryFolder, jre].every((path) => existsSync(path))) await installTools();
  const anvil = join(repositoryRoot, 'node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil');
  if (!existsSync(anvil)) throw new AtsError('ATS_PREREQUISITE_MISSING', 'anvil is not in node_modules', { todo: 'Run npm ci.' });
  return { java: join(jre, 'bin/java'), kafkaClasspath: join(kafka, '*'), registryFolder, anvil };
}

/** The path of a program on PATH or in the folders where a system keeps its daemons.
 * @throws AtsError ATS_PREREQUISITE_MISSING */
export function systemProgram(name: string): string {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  const path = folders.map((folder) => join(folder, name)).find((candidate) => existsSync(candidate));
  if (path === undefined) throw new AtsError('ATS_PREREQUISITE_MISSING', `${name} is not on this machine`, { todo: 'Run make deps.' });
  return path;
}

async function installTools(): Promise<void> {
  try {
    await promisify(execFile)(join(repositoryRoot, 'scripts/install-tools'), { env: process.env });
  } catch (cause) {
    const stderr = String((cause as { stderr?: string }).stderr ?? cause).trim().split('\n').slice(-3).join(' / ');
    throw new AtsError('ATS_PREREQUISITE_MISSING', `scripts/install-tools failed: ${stderr}`, { cause });
  }
}

function readVersions(): Record<string, string> {
  const lines = readFileSync(join(repositoryRoot, 'scripts/tools/versions'), 'utf8').split('\n');
  return Object.fromEntries(lines.filter((line) => /^[A-Z_]+=/.test(line)).map((line) => line.split('=', 2) as [string, string]));
}

function findRoot(folder: string): string {
  if (existsSync(join(folder, 'scripts/tools/versions'))) return folder;
  if (folder === dirname(folder)) throw new Error('libs/stack is outside a checkout of Attestream');
  return findRoot(dirname(folder));
}
