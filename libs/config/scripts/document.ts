/** Writes docs/configuration.md from the `config` that each apps/NAME/src/config.ts exports. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { configurationPage, type Config } from '../src/index.js';

const APPS = new URL('../../../apps/', import.meta.url);

/** The configurations of all apps that have one. */
export async function readConfigs(): Promise<Config[]> {
  const files = existsSync(APPS) ? readdirSync(APPS).map((app) => new URL(`${app}/src/config.ts`, APPS)).filter((file) => existsSync(file)) : [];
  return await Promise.all(files.map(async (file) => ((await import(file.href)) as { config: Config }).config));
}

if (import.meta.url === `file://${process.argv[1]}`) {
  writeFileSync(new URL('../../../docs/configuration.md', import.meta.url), configurationPage(await readConfigs()));
}
