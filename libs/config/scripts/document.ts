/** Writes docs/configuration.md from the `config` that each apps/NAME/src/config.ts exports. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { configurationPage, type Config } from '../src/index.js';

const ROOT = new URL('../../../', import.meta.url);
const APPS = new URL('apps/', ROOT);

/** The configurations of all apps that have one. */
async function readConfigs(): Promise<Config[]> {
  const files = existsSync(APPS) ? readdirSync(APPS).map((app) => new URL(`${app}/src/config.ts`, APPS)).filter((file) => existsSync(file)) : [];
  return await Promise.all(files.map(async (file) => ((await import(file.href)) as { config: Config }).config));
}

/** The page for the checkout as it is. */
export async function generatePage(): Promise<string> {
  return configurationPage(await readConfigs(), fileURLToPath(ROOT));
}

if (import.meta.url === `file://${process.argv[1]}`) {
  writeFileSync(new URL('docs/configuration.md', ROOT), await generatePage());
}
