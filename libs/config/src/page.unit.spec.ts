import { readFileSync } from 'node:fs';
import { generatePage } from '../scripts/document.js';

it('docs/configuration.md is what the apps\' configurations say (npm run docs:configuration)', async () => {
  expect(readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8')).toBe(await generatePage());
});
